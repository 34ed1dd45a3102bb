import { closeSync, openSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { encodeText } from '../../../bytes/text.ts';
import type { FileOutput } from '../../../handle/arguments.ts';
import { EXIT } from '../../common/errors.ts';
import type { Handle } from '../../common/handle.ts';
import type { ToolContext } from '../../common/run.ts';
import type { LineSource } from '../lines.ts';
import { TextLines } from '../lines.ts';
import { Shell } from '../shell.ts';
import type { Sink } from '../sinks.ts';
import { socketPath } from './folder.ts';
import { encodeJson, FrameReader, sendFrame, type CommandFrame, type ExitFrame } from './frames.ts';

/** Output to the client. */
class RemoteSink implements Sink {
  readonly terminal = false;
  readonly #socket: Socket;
  readonly #kind: 'O' | 'R';
  #text = '';
  #last: Promise<void> = Promise.resolve();

  constructor(socket: Socket, kind: 'O' | 'R') {
    this.#socket = socket;
    this.#kind = kind;
  }

  write(text: string): void {
    this.#text += text;
  }

  writeBytes(bytes: Uint8Array): void {
    this.#push();
    this.#last = sendFrame(this.#socket, this.#kind, Buffer.from(bytes));
  }

  #push(): void {
    if (this.#text === '') return;
    const bytes = encodeText(this.#text);
    this.#text = '';
    this.#last = sendFrame(this.#socket, this.#kind, bytes);
  }

  async flush(): Promise<void> {
    this.#push();
    await this.#last;
  }

  async fileOutput(): Promise<FileOutput> {
    await this.flush();
    const socket = this.#socket;
    const kind = this.#kind;
    return new Writable({
      write(chunk: Buffer, _encoding, done) {
        sendFrame(socket, kind, chunk).then(() => done(), done);
      },
    });
  }
}

/** Lines and standard input of the client. */
class RemoteLines implements LineSource {
  readonly name = undefined;
  number = 0;
  readonly #socket: Socket;
  readonly #frames: FrameReader;

  constructor(socket: Socket, frames: FrameReader) {
    this.#socket = socket;
    this.#frames = frames;
  }

  async next(): Promise<string | undefined> {
    await sendFrame(this.#socket, 'L', new Uint8Array(0));
    const frame = await this.#frames.next();
    if (frame?.kind !== 'l') return undefined;
    return (JSON.parse(frame.payload.toString('utf8')) as string | null) ?? undefined;
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    await sendFrame(this.#socket, 'N', new Uint8Array(0));
    for (;;) {
      const frame = await this.#frames.next();
      if (frame?.kind !== 'i' || frame.payload.length === 0) return;
      yield frame.payload;
    }
  }
}

/**
 * Be the server: take commands one after the other until one fails or says `quit`. Tells the parent process over
 * its channel when the socket is there.
 */
export async function serve(
  { err }: ToolContext,
  pipeError: boolean,
  newHandle: () => Promise<Handle>,
): Promise<number> {
  const handle = await newHandle();
  const nothing: Sink = {
    terminal: false,
    write: () => undefined,
    writeBytes: () => undefined,
    flush: () => undefined,
    fileOutput: () => '/dev/null',
  };
  const shell = new Shell(handle, nothing, nothing, new TextLines('', undefined), {
    interactive: false,
    pipeError,
    keysFromStdin: true,
    echoKeys: false,
    newHandle,
  });
  const path = socketPath(process.pid, true);
  const server = createServer();
  let good = true;
  try {
    await listen(server, path);
    process.send?.({ ready: true });
    process.disconnect?.();
    detachStandardError();
    good = await connections(server, (socket) => session(shell, socket));
  } finally {
    server.close();
    rmSync(path, { force: true });
    await shell.handle.close();
  }
  err.flush();
  return good ? EXIT.ok : EXIT.failure;
}

function listen(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

/** Whoever started us waits for the end of its standard error; what is said there from now on goes nowhere. */
function detachStandardError(): void {
  closeSync(2);
  openSync('/dev/null', 'w');
}

/** Serve one client after the other until `serveOne` says that it is over. */
function connections(server: Server, serveOne: (socket: Socket) => Promise<ExitFrame>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let last: Promise<void> = Promise.resolve();
    server.on('connection', (socket) => {
      // A client that goes away in the middle is its own trouble.
      socket.on('error', () => undefined);
      last = last
        .then(async () => {
          const { ok, quit } = await serveOne(socket);
          socket.end();
          if (quit) resolve(ok);
        })
        .catch(reject);
    });
    server.on('error', reject);
  });
}

async function session(shell: Shell, socket: Socket): Promise<ExitFrame> {
  const frames = new FrameReader(socket);
  const before = { out: shell.out, source: shell.source };
  try {
    for (;;) {
      const frame = await frames.next();
      if (frame?.kind !== 'C') return { ok: true, quit: false };
      const { name, words } = JSON.parse(frame.payload.toString('utf8')) as CommandFrame;
      const errors = new RemoteSink(socket, 'R');
      shell.out = new RemoteSink(socket, 'O');
      shell.err = errors;
      shell.source = new RemoteLines(socket, frames);
      const bare = name.replace(/^-+/, '');
      let ok = true;
      try {
        await shell.runCommand(bare, words);
      } catch (error) {
        ok = false;
        await shell.report(error);
      }
      await shell.out.flush();
      const exit: ExitFrame = { ok, quit: shell.quit || (!ok && bare === name) };
      await sendFrame(socket, 'X', encodeJson(exit));
      if (exit.quit) return exit;
    }
  } finally {
    shell.out = before.out;
    shell.source = before.source;
  }
}
