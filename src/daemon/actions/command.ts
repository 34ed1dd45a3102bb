import { decodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext, ByteSink } from '../context.ts';
import { umaskOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { outputLines, toolsOf, wantMounted } from '../tools.ts';
import { cancellable } from '../sink.ts';

/** Bytes of output that one result holds; more goes through command_out and sh_out. */
const LIMIT = 64 * 1024 * 1024;

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
  return decodeText(
    toolsOf(context).run(program, args, { inGuest: true, limit: LIMIT, umask: umaskOf(context).value })
      .stdout,
  );
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
