import type { ActionContext } from './context.ts';
import { humanSize } from './human-size.ts';

const HEADINGS = {
  kibibytes: ['Filesystem', '1K-blocks', 'Used', 'Available', 'Use%', 'Mounted on'],
  human: ['Filesystem', 'Size', 'Used', 'Avail', 'Use%', 'Mounted on'],
} as const;

/** Widths below which df(1) does not go. */
const MINIMUM = [14, 5, 5, 5, 4, 0];

/** The guest's mounted filesystems as a table like that of df(1); mount points are the guest's. */
export function formatDf({ platform }: ActionContext, units: 'kibibytes' | 'human'): string {
  const { files } = platform;
  const show = (blocks: number, unit: number): string =>
    units === 'human' ? humanSize(blocks * unit) : String(Math.ceil((blocks * unit) / 1024));
  const rows: (readonly string[])[] = [HEADINGS[units]];
  for (const { mountable, mountpoint } of platform.mounts.list()) {
    const { frsize, blocks, bfree, bavail } = files.statvfs(files.resolve(mountpoint));
    const used = blocks - bfree;
    const capacity = used + bavail;
    rows.push([
      mountable,
      show(blocks, frsize),
      show(used, frsize),
      show(bavail, frsize),
      capacity > 0 ? `${Math.ceil((used * 100) / capacity)}%` : '-',
      mountpoint,
    ]);
  }
  const widths = MINIMUM.map((minimum, column) =>
    Math.max(minimum, ...rows.map((row) => (row[column] as string).length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          if (column === row.length - 1) return cell;
          const width = widths[column] as number;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join(' '),
    )
    .map((line) => `${line}\n`)
    .join('');
}
