import type { OptionSpec } from './spec.ts';

/** Options in the order of their names, as help and the manual show them. */
export function sortedOptions(...lists: (readonly OptionSpec[])[]): OptionSpec[] {
  const key = (option: OptionSpec): string => option.long?.[0] ?? (option.short as string).toLowerCase();
  return lists.flat().toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
