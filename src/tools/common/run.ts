import { EXIT, describeError } from './errors.ts';
import { parseOptions, type ParsedLine } from './options.ts';
import { Output } from './output.ts';
import type { ToolSpec } from './spec.ts';

/** What a tool's body gets. */
export interface ToolContext {
  readonly spec: ToolSpec;
  readonly line: ParsedLine;
  readonly out: Output;
  readonly err: Output;
}

/** A tool's body: returns the exit status. */
export type ToolBody = (context: ToolContext) => Promise<number>;

/**
 * Run a tool: take its command line apart, answer --help and --version, run the body, print its errors.
 * Resolves to the exit status; never rejects.
 */
export async function runTool(spec: ToolSpec, args: readonly string[], body: ToolBody): Promise<number> {
  const out = new Output(1);
  const err = new Output(2);
  try {
    const line = parseOptions(spec.options, args);
    for (const { name } of line.options) {
      if (name === 'help') {
        const { helpText } = await import('./help.ts');
        out.write(helpText(spec));
        out.flush();
        return EXIT.ok;
      }
      if (name === 'version') {
        out.write(await versionLine(spec.name));
        out.flush();
        return EXIT.ok;
      }
    }
    const status = await body({ spec, line, out, err });
    out.flush();
    return status;
  } catch (error) {
    return reportError(spec.name, error, out, err);
  }
}

/** Print what was written so far, then the error; the exit status. */
export function reportError(tool: string, error: unknown, out: Output, err: Output): number {
  const { text, status } = describeError(tool, error);
  try {
    out.flush();
  } catch {
    // Standard output is gone; the error itself still goes to standard error.
  }
  try {
    err.write(text);
    err.flush();
  } catch {
    // Nobody hears us.
  }
  return status;
}

/** `virt-cat 1.61.0 (guestfs 0.1.0)`: the API level, then our own version. */
export async function versionLine(tool: string): Promise<string> {
  const [{ apiVersion }, { packageVersion }] = await Promise.all([
    import('./version.ts'),
    import('../../actions/version.ts'),
  ]);
  return `${tool} ${apiVersion} (guestfs ${packageVersion})\n`;
}
