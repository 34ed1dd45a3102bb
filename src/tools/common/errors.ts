import { GuestfsError } from '../../errors/index.ts';
import { ClosedOutput } from './output.ts';
import { ToolError, UsageError } from './usage-error.ts';

/** Exit statuses of all tools. */
export const EXIT = {
  ok: 0,
  /** The tool could not do all it was asked, or was asked wrongly. */
  failure: 1,
  /** A fault of the program itself. */
  fault: 2,
  /** The reader of the output went away: what a shell shows for a program that SIGPIPE ended. */
  closedOutput: 141,
} as const;

/** An error of the library as one line without its end, in libguestfs's form: `libguestfs: error: cat: /x: ...`. */
export function libraryErrorLine(error: GuestfsError): string {
  const { action, message } = error;
  const prefix = action === undefined || message.startsWith(`${action}:`) ? '' : `${action}: `;
  return `libguestfs: error: ${prefix}${message}`;
}

/** Nobody reads our output any more: found out by ourselves, or by an action that wrote to it. */
export function isClosedOutput(error: unknown): boolean {
  return error instanceof ClosedOutput || (error instanceof GuestfsError && error.code === 'EPIPE');
}

/** What a tool says on standard error about an error, and the status it exits with. */
export function describeError(tool: string, error: unknown): { text: string; status: number } {
  if (isClosedOutput(error)) return { text: '', status: EXIT.closedOutput };
  if (error instanceof UsageError) {
    return { text: `${tool}: ${error.message}\nTry '${tool} --help' for more.\n`, status: EXIT.failure };
  }
  if (error instanceof ToolError) return { text: `${tool}: ${error.message}\n`, status: EXIT.failure };
  if (error instanceof GuestfsError) return { text: `${libraryErrorLine(error)}\n`, status: EXIT.failure };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `${tool}: internal error: ${text}\n`, status: EXIT.fault };
}
