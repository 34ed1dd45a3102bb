import type { OptionSpec } from './spec.ts';

/** A long option with a value that must be given; `more` is what else there is to it. */
export function valuedOption(
  name: string,
  placeholder: string,
  help: string,
  more: Pick<OptionSpec, 'manual' | 'short'> = {},
): OptionSpec {
  return { name, long: [name], value: 'required', placeholder, help, ...more };
}
