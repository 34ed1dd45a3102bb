import type { Handle } from '../common/handle.ts';
import { csvField } from '../common/csv.ts';
import { humanSize } from '../common/human.ts';
import { jsonLine } from '../common/json.ts';
import type { Output } from '../common/output.ts';
import { walk, type WalkedFile } from '../common/walk.ts';

/** What the recursive long listing shows, and how. */
export interface LongOptions {
  form: 'text' | 'csv' | 'json';
  human: boolean;
  uids: boolean;
  times: 'text' | 'seconds' | 'relative' | 'days' | undefined;
  extraStats: boolean;
  /** Type of checksum. */
  checksum: string | undefined;
}

const TYPE_LETTERS: Readonly<Record<number, string>> = {
  0o140000: 's',
  0o120000: 'l',
  0o100000: '-',
  0o060000: 'b',
  0o040000: 'd',
  0o020000: 'c',
  0o010000: 'p',
};
const REGULAR = 0o100000;
const DAY = 86400;

/** Letter of a mode's file type, as `ls -l` has it; `u` for none that is known. */
export function typeLetter(mode: number): string {
  return TYPE_LETTERS[mode & 0o170000] ?? 'u';
}

/** `8:3` of a Linux device number (glibc's gnu_dev_major and gnu_dev_minor). */
export function deviceNumbers(device: number): string {
  const low = (device % 2 ** 32) >>> 0;
  const high = Math.floor(device / 2 ** 32);
  const major = ((low >>> 8) & 0xfff) + (high & ~0xfff);
  const minor = (low & 0xff) + ((low >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-21 08:15:31` in the local time zone. */
export function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** virt-ls -lR. */
export class LongListing {
  readonly #handle: Handle;
  readonly #out: Output;
  readonly #options: LongOptions;
  readonly #now = Math.floor(Date.now() / 1000);
  #jsonFiles = 0;

  constructor(handle: Handle, out: Output, options: LongOptions) {
    this.#handle = handle;
    this.#out = out;
    this.#options = options;
  }

  /** List a directory and what is below it. */
  async add(given: string): Promise<void> {
    const directory = given.replace(/(?<=.)\/+$/, '');
    const { checksum } = this.#options;
    if (checksum === undefined) {
      await walk(this.#handle, directory, (file) => this.#show(file, undefined));
      return;
    }
    const { walkByDirectory } = await import('../common/walk-by-directory.ts');
    for await (const file of walkByDirectory(this.#handle, directory)) {
      const regular = (file.stat.stMode & 0o170000) === REGULAR;
      this.#show(file, regular ? await this.#handle.checksum(checksum, file.path) : undefined);
    }
  }

  #show(file: WalkedFile, sum: string | undefined): void {
    const { form } = this.#options;
    if (form === 'json')
      this.#out.write((this.#jsonFiles++ === 0 ? '[\n' : ',\n') + jsonLine(this.#record(file, sum)));
    else if (form === 'csv') this.#out.write(this.#csv(file, sum));
    else this.#out.write(this.#text(file, sum));
  }

  /** Write what has to wait for the end. */
  end(): void {
    if (this.#options.form !== 'json') return;
    this.#out.write(this.#jsonFiles === 0 ? '[]\n' : '\n]\n');
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

  #text(file: WalkedFile, sum: string | undefined): string {
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

  #csv(file: WalkedFile, sum: string | undefined): string {
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

  #record({ path, stat, link }: WalkedFile, sum: string | undefined): Record<string, unknown> {
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
