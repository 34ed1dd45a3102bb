import type { BackingPolicy } from '../../images/index.ts';
import { ProgressBar } from '../common/progress.ts';
import type { ToolContext } from '../common/run.ts';
import { parseSize } from '../common/size.ts';
import { isTerminal } from '../common/terminal.ts';
import { UsageError } from '../common/usage-error.ts';
import { humanSize } from '../common/human.ts';

/** The value of the last option of a name. */
export function valueOf({ line }: ToolContext, name: string): string | undefined {
  return line.options.findLast((option) => option.name === name)?.value;
}

/** Whether an option is there. */
export function has({ line }: ToolContext, name: string): boolean {
  return line.options.some((option) => option.name === name);
}

/** One of several words. Throws UsageError. */
export function choice<T extends string>(
  context: ToolContext,
  name: string,
  words: readonly T[],
): T | undefined {
  const value = valueOf(context, name);
  if (value === undefined || (words as readonly string[]).includes(value)) return value as T | undefined;
  throw new UsageError(`--${name} ${value}: expected ${words.join(', ').replace(/, (?=[^,]*$)/, ' or ')}`);
}

/** A size option in bytes. */
export function sizeOf(context: ToolContext, name: string): number | undefined {
  const value = valueOf(context, name);
  return value === undefined ? undefined : parseSize(value, `--${name}`);
}

/** Leave out what is undefined: options that are not given. */
export function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** `--allow-backing`, and where warnings go. */
export function openingOptions(context: ToolContext): {
  backing?: BackingPolicy;
  warn: (message: string) => void;
} {
  const backing = choice(context, 'allow-backing', ['none', 'folder', 'any']);
  return {
    ...(backing === undefined ? {} : { backing }),
    warn(message) {
      context.err.write(`${context.spec.name}: warning: ${message}\n`);
      context.err.flush();
    },
  };
}

/** Operands, as many as there must be. Throws UsageError. */
export function operands(context: ToolContext, least: number, most: number, what: string): string[] {
  const { operands: found } = context.line;
  if (found.length >= least && found.length <= most) return [...found];
  throw new UsageError(found.length < least ? `give ${what}` : `unexpected argument ${found[most]}`);
}

/** Print a line, unless it is to be quiet. */
export function tell(context: ToolContext, line: string): void {
  if (!has(context, 'quiet')) context.out.write(`${line}\n`);
}

/** A bar on a terminal, and Ctrl-C stops the work and leaves nothing behind. */
export async function withProgress<T>(
  context: ToolContext,
  work: (options: {
    signal: AbortSignal;
    onProgress?: (position: number, total: number) => void;
  }) => Promise<T>,
): Promise<T> {
  const shown = !has(context, 'quiet') && isTerminal(2);
  const bar = new ProgressBar(2, () => process.stderr.columns ?? 80);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  let drawn = 0;
  try {
    return await work({
      signal: controller.signal,
      ...(shown
        ? {
            onProgress(position: number, total: number): void {
              const now = Date.now();
              if (position < total && now - drawn < 100) return;
              drawn = now;
              bar.update(position, total, now);
            },
          }
        : {}),
    });
  } finally {
    for (const signal of signals) process.off(signal, stop);
    bar.end();
  }
}

/** `1.5G (1610612736 bytes)`. */
export function sizeWords(bytes: number): string {
  return `${humanSize(bytes)} (${bytes} bytes)`;
}
