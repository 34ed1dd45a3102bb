import { UsageError } from './usage-error.ts';
import type { OptionSpec } from './spec.ts';

/** One option as it stood on the command line. */
export interface GivenOption {
  name: string;
  /** Undefined where the option takes none, or an optional one was left out. */
  value: string | undefined;
  /** As it was written, for messages: `-a` or `--add`. */
  written: string;
}

/** A command line taken apart. */
export interface ParsedLine {
  /** In the order given, which matters: `--format` applies to the `-a` that follow it. */
  options: GivenOption[];
  /** All arguments that are no options, in order. */
  operands: string[];
  /** Where in the arguments each operand stood. */
  positions: number[];
}

/**
 * Take a command line apart as getopt_long(3) does: bundled letters (`-lR`), values glued on (`-adisk`,
 * `--add=disk`) or following, unambiguous abbreviations of long names, options and operands mixed until `--`.
 * With `stopAtOperand` the first operand ends the options.
 *
 * node:util's parseArgs is not used because it knows no optional values and no abbreviations.
 *
 * @throws UsageError for an unknown or ambiguous option, or a missing or unwanted value.
 */
export function parseOptions(
  specs: readonly OptionSpec[],
  args: readonly string[],
  { stopAtOperand = false }: { stopAtOperand?: boolean } = {},
): ParsedLine {
  const options: GivenOption[] = [];
  const operands: string[] = [];
  const positions: number[] = [];
  const takeOperand = (at: number): void => {
    operands.push(args[at] as string);
    positions.push(at);
  };
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    if (argument === '--') {
      for (let at = i + 1; at < args.length; at++) takeOperand(at);
      break;
    }
    if (argument.startsWith('--')) {
      const equals = argument.indexOf('=');
      const long = equals < 0 ? argument.slice(2) : argument.slice(2, equals);
      let value = equals < 0 ? undefined : argument.slice(equals + 1);
      const spec = findLong(specs, long);
      const written = `--${long}`;
      if (spec.value === undefined && value !== undefined) {
        throw new UsageError(`option ${written} takes no value, but '${value}' was given`);
      }
      if (spec.value === 'required' && value === undefined) {
        value = args[++i];
        if (value === undefined) throw new UsageError(`option ${written} needs a value`);
      }
      options.push({ name: spec.name, value, written });
      continue;
    }
    if (argument.length > 1 && argument.startsWith('-')) {
      for (let at = 1; at < argument.length; at++) {
        const letter = argument[at] as string;
        const spec = specs.find((candidate) => candidate.short === letter);
        const written = `-${letter}`;
        if (spec === undefined) throw new UsageError(`unknown option ${written}`);
        if (spec.value !== 'required') {
          options.push({ name: spec.name, value: undefined, written });
          continue;
        }
        const rest = argument.slice(at + 1);
        const value = rest === '' ? args[++i] : rest;
        if (value === undefined) throw new UsageError(`option ${written} needs a value`);
        options.push({ name: spec.name, value, written });
        break;
      }
      continue;
    }
    if (stopAtOperand) {
      for (let at = i; at < args.length; at++) takeOperand(at);
      break;
    }
    takeOperand(i);
  }
  return { options, operands, positions };
}

function findLong(specs: readonly OptionSpec[], long: string): OptionSpec {
  const candidates = new Map<OptionSpec, string>();
  for (const spec of specs) {
    for (const name of spec.long ?? []) {
      if (name === long) return spec;
      if (name.startsWith(long) && !candidates.has(spec)) candidates.set(spec, name);
    }
  }
  const [only] = candidates.keys();
  if (only === undefined || long === '') throw new UsageError(`unknown option --${long}`);
  if (candidates.size > 1) {
    const names = [...candidates.values()].map((name) => `--${name}`).join(', ');
    throw new UsageError(`option --${long} is ambiguous: ${names}`);
  }
  return only;
}
