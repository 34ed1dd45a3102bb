import { decodeText } from '../../bytes/text.ts';

/** Runs a program about a mounted filesystem and gives what it prints. */
type Ask = (...args: readonly string[]) => Uint8Array;

/**
 * The subvolumes of a mounted btrfs as mountables, without the one that is mounted where none is named. `ask` runs
 * btrfs(8) with the words and the filesystem's path.
 */
export function subvolumeMountables(device: string, ask: Ask): string[] {
  const standard = /^ID (\d+)\b/m.exec(decodeText(ask('subvolume', 'get-default')))?.[1];
  return [...decodeText(ask('subvolume', 'list')).matchAll(/^ID (\d+) .*?\btop level \d+ path (.*)$/gm)]
    .filter(([, id]) => id !== standard)
    .map(([, , path]) => `btrfsvol:${device}/${path as string}`);
}
