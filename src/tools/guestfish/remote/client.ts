import { createConnection, type Socket } from 'node:net';
import { isTerminal } from '../../common/terminal.ts';
import { EXIT } from '../../common/errors.ts';
import type { Handle } from '../../common/handle.ts';
import type { ToolContext } from '../../common/run.ts';
import { ToolError } from '../../common/usage-error.ts';
import { completeLine } from '../complete.ts';
import { TerminalLines } from '../interactive.ts';
import { DescriptorLines, type LineSource } from '../lines.ts';
import { promptTexts } from '../prompt.ts';
import { Shell } from '../shell.ts';
import { ShellError } from '../shell-error.ts';
import { OutputSink } from '../sinks.ts';
import type { Word } from '../tokenize.ts';
import { socketPath } from './folder.ts';
import { encodeJson, FrameReader, sendFrame, type CommandFrame, type ExitFrame } from './frames.ts';

/** What the client needs from the command line. */
export interface RemoteRequest {
  pid: string | undefined;
  pipeError: boolean;
}

/** The server's end of the connection said why; there is nothing to add. */
class RemoteFailure extends ShellError {}

/** A shell whose commands are carried out by the server; lines, pipes and host commands stay here. */
class RemoteShell extends Shell {
  readonly #socket: Socket;
  readonly #frames: FrameReader;

  constructor(
    socket: Socket,
    context: ToolContext,
    source: LineSource,
    interactive: boolean,
    pipeError: boolean,
  ) {
    const noHandle = {} as Handle;
    super(noHandle, new OutputSink(context.out), new OutputSink(context.err), source, {
      interactive,
      pipeError,
      keysFromStdin: false,
      echoKeys: false,
      newHandle: () => Promise.resolve(noHandle),
    });
    this.#socket = socket;
    this.#frames = new FrameReader(socket);
  }

  override async runCommand(name: string, words: readonly Word[]): Promise<void> {
    const command: CommandFrame = { name: this.ignoreError ? `-${name}` : name, words: [...words] };
    await sendFrame(this.#socket, 'C', encodeJson(command));
    for (;;) {
      const frame = await this.#frames.next();
      if (frame === undefined) throw new ShellError('the listening guestfish went away');
      switch (frame.kind) {
        case 'O':
          this.out.writeBytes(frame.payload);
          await this.out.flush();
          break;
        case 'R':
          this.err.writeBytes(frame.payload);
          await this.err.flush();
          break;
        case 'L':
          await sendFrame(this.#socket, 'l', encodeJson((await this.source.next()) ?? null));
          break;
        case 'N':
          for await (const chunk of this.source.rest()) await sendFrame(this.#socket, 'i', chunk);
          await sendFrame(this.#socket, 'i', new Uint8Array(0));
          break;
        case 'X': {
          const { ok, quit } = JSON.parse(frame.payload.toString('utf8')) as ExitFrame;
          if (quit) this.quit = true;
          if (!ok) throw new RemoteFailure('');
          return;
        }
        default:
          throw new ShellError(
            `the listening guestfish sent '${frame.kind}', which means nothing to a client`,
          );
      }
    }
  }

  override async report(error: unknown): Promise<void> {
    if (!(error instanceof RemoteFailure)) await super.report(error);
  }
}

/** `--remote`: send commands to the server. */
export async function runRemote(context: ToolContext, { pid, pipeError }: RemoteRequest): Promise<number> {
  const number = pid ?? (process.env['GUESTFISH_PID'] || undefined);
  if (number === undefined || !/^[1-9][0-9]*$/.test(number)) {
    throw new ToolError(
      number === undefined
        ? '--remote: $GUESTFISH_PID is not set; start a server with: eval "$(guestfish --listen)"'
        : `--remote: '${number}' is not a process number`,
    );
  }
  const socket = await connect(Number(number));
  const { operands } = context.line;
  const interactive = operands.length === 0 && isTerminal(0);
  const terminal = interactive
    ? new TerminalLines(promptTexts(process.env).prompt, (line) =>
        completeLine(line, { handle: shell.handle, destPaths: false }),
      )
    : undefined;
  const source = terminal ?? new DescriptorLines(0, operands.length > 0 ? undefined : '*stdin*');
  const shell: RemoteShell = new RemoteShell(socket, context, source, interactive, pipeError);
  let good: boolean;
  try {
    good = operands.length === 0 ? await shell.runLines(source) : await shell.runCommandLine(operands);
  } finally {
    terminal?.close();
    socket.destroy();
  }
  return good ? EXIT.ok : EXIT.failure;
}

function connect(pid: number): Promise<Socket> {
  const path = socketPath(pid);
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => resolve(socket));
    socket.once('error', (error) => {
      reject(new ToolError(`cannot reach a guestfish that listens as process ${pid}: ${error.message}`));
    });
  });
}
