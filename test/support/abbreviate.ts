/** Longest name that is shown whole, and characters of a longer one that are shown of its start and its end. */
const WHOLE = 32;
const START = 12;
const END = 8;

/** A message with its long names shortened and, where it is longer than `most` characters, without its middle. */
export function abbreviate(text: string, most = 6000): string {
  const short = text.replace(/[^/"\s]+/gu, (name) =>
    name.length <= WHOLE || name.includes('.ts:') ? name : `${name.slice(0, START)}…${name.slice(-END)}`,
  );
  if (short.length <= most) return short;
  return `${short.slice(0, most / 2)}\n[${short.length - most} characters]\n${short.slice(-most / 2)}`;
}
