import { decodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext, ByteSink } from '../context.ts';
import { umaskOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { outputLines, toolsOf, wantMounted } from '../tools.ts';
import { cancellable } from '../sink.ts';

/** Bytes of output that the longest message of the protocol (4 MiB) has room for beside what else is in it. */
const LIMIT = 4 * 1024 * 1024 - 128;

function split(words: readonly string[]): [string, readonly string[]] {
  const [program, ...args] = words;
  if (program === undefined || program === '') {
    throw new GuestfsError('EINVAL', 'no command was given, expected a program and its arguments');
  }
  return [program, args];
}

function command(context: ActionContext, words: readonly string[]): string {
  const [program, args] = split(words);
  wantMounted(context);
  const options = { inGuest: true, limit: LIMIT, umask: umaskOf(context).value };
  try {
    return decodeText(toolsOf(context).run(program, args, options).stdout);
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'EFBIG') throw error;
    throw new GuestfsError(
      'E2BIG',
      `${program} prints more than the ${LIMIT} bytes that a result may have; command_out and sh_out take any amount`,
      { cause: error },
    );
  }
}

function commandOut(context: ActionContext, words: readonly string[], output: ByteSink): void {
  const [program, args] = split(words);
  wantMounted(context);
  toolsOf(context).stream(program, args, cancellable(context, output), {
    inGuest: true,
    umask: umaskOf(context).value,
  });
}

/** Programs of the guest, run in its root. */
export const commandActions = {
  command,

  command_lines: (context, words) => outputLines(command(context, words)),

  command_out: commandOut,

  sh: (context, text) => command(context, ['/bin/sh', '-c', text]),

  sh_lines: (context, text) => outputLines(command(context, ['/bin/sh', '-c', text])),

  sh_out: (context, text, output) => commandOut(context, ['/bin/sh', '-c', text], output),
} satisfies Partial<DaemonActions>;
