import { csvField } from '../common/csv.ts';
import { humanSize } from '../common/human.ts';
import type { WalkedFile } from '../common/walk.ts';
import {
  deviceNumbers,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../filesystems/mode.ts';

/** What a long listing shows of each file, and how. */
export interface RowOptions {
  human: boolean;
  uids: boolean;
  times: 'text' | 'seconds' | 'relative' | 'days' | undefined;
  extraStats: boolean;
  /** Type of checksum. */
  checksum: string | undefined;
}

const TYPE_LETTERS: Readonly<Record<number, string>> = {
  [S_IFSOCK]: 's',
  [S_IFLNK]: 'l',
  [S_IFREG]: '-',
  [S_IFBLK]: 'b',
  [S_IFDIR]: 'd',
  [S_IFCHR]: 'c',
  [S_IFIFO]: 'p',
};
const DAY = 86400;

/** Letter of a mode's file type, as `ls -l` has it; `u` for none that is known. */
export function typeLetter(mode: number): string {
  return TYPE_LETTERS[mode & S_IFMT] ?? 'u';
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-21 08:15:31` in the local time zone. */
export function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Shows files as the recursive long listing does: as text, as comma-separated values, as JSON. */
export class RowFormat {
  readonly #options: RowOptions;
  readonly #now = Math.floor(Date.now() / 1000);

  constructor(options: RowOptions) {
    this.#options = options;
  }

  #size(bytes: number): string {
    return this.#options.human ? humanSize(bytes) : String(bytes);
  }

  /** The columns between size and checksum. */
  #columns({ stat }: WalkedFile): string[] {
    const { uids, times, extraStats } = this.#options;
    const columns: string[] = [];
    if (uids) columns.push(String(stat.stUid).padStart(4), String(stat.stGid).padStart(4));
    if (times !== undefined) {
      columns.push(this.#time(stat.stAtimeSec), this.#time(stat.stMtimeSec), this.#time(stat.stCtimeSec));
    }
    if (extraStats) {
      columns.push(
        deviceNumbers(stat.stDev),
        String(stat.stIno),
        String(stat.stNlink),
        deviceNumbers(stat.stRdev),
        String(stat.stBlocks),
      );
    }
    return columns;
  }

  #time(seconds: number): string {
    switch (this.#options.times) {
      case 'seconds':
        return String(seconds).padStart(10);
      case 'relative':
        return String(this.#now - seconds).padStart(8);
      case 'days':
        return String(Math.trunc((this.#now - seconds) / DAY)).padStart(3);
      default:
        return localTime(seconds);
    }
  }

  /** A line for a person. */
  text(file: WalkedFile, sum: string | undefined): string {
    const mode = file.stat.stMode;
    const fields = [
      typeLetter(mode),
      (mode & 0o7777).toString(8).padStart(4, '0'),
      this.#size(file.stat.stSize).padStart(10),
      ...this.#columns(file),
    ];
    if (sum !== undefined) fields.push(sum);
    const link = file.link === undefined ? '' : ` -> ${file.link}`;
    return `${fields.join(' ')} ${file.path}${link}\n`;
  }

  /** A line of comma-separated values. */
  csv(file: WalkedFile, sum: string | undefined): string {
    const mode = file.stat.stMode;
    const columns = this.#columns(file);
    const fields = [
      typeLetter(mode),
      (mode & 0o7777).toString(8).padStart(4, '0'),
      this.#size(file.stat.stSize),
      // Stock virt-ls pads numbers here too, without quotes.
      ...columns.map((text) => (/^ *-?\d+$/.test(text) ? text : csvField(text))),
    ];
    if (this.#options.checksum !== undefined) fields.push(sum ?? '');
    fields.push(csvField(file.path));
    if (file.link !== undefined) fields.push(csvField(file.link));
    return `${fields.join(',')}\n`;
  }

  /** What JSON shows. */
  record({ path, stat, link }: WalkedFile, sum: string | undefined): Record<string, unknown> {
    const { uids, times, extraStats } = this.#options;
    return {
      path,
      type: typeLetter(stat.stMode),
      mode: (stat.stMode & 0o7777).toString(8).padStart(4, '0'),
      size: stat.stSize,
      ...(uids ? { uid: stat.stUid, gid: stat.stGid } : {}),
      ...(times === undefined
        ? {}
        : { atime: stat.stAtimeSec, mtime: stat.stMtimeSec, ctime: stat.stCtimeSec }),
      ...(extraStats
        ? {
            device: deviceNumbers(stat.stDev),
            inode: stat.stIno,
            links: stat.stNlink,
            rdev: deviceNumbers(stat.stRdev),
            blocks: stat.stBlocks,
          }
        : {}),
      ...(sum === undefined ? {} : { checksum: sum }),
      ...(link === undefined ? {} : { link }),
    };
  }
}
