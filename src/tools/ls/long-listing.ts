import type { Handle } from '../common/handle.ts';
import { jsonLine } from '../common/json.ts';
import type { Output } from '../common/output.ts';
import { walk, type WalkedFile } from '../common/walk.ts';
import { RowFormat, type RowOptions } from './row-format.ts';
import { S_IFMT, S_IFREG } from '../../filesystems/mode.ts';

/** What the recursive long listing shows, and how. */
export interface LongOptions extends RowOptions {
  form: 'text' | 'csv' | 'json';
}

/** virt-ls -lR. */
export class LongListing {
  readonly #handle: Handle;
  readonly #out: Output;
  readonly #options: LongOptions;
  readonly #format: RowFormat;
  #jsonFiles = 0;

  constructor(handle: Handle, out: Output, options: LongOptions) {
    this.#handle = handle;
    this.#out = out;
    this.#options = options;
    this.#format = new RowFormat(options);
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
      const regular = (file.stat.stMode & S_IFMT) === S_IFREG;
      this.#show(file, regular ? await this.#handle.checksum(checksum, file.path) : undefined);
    }
  }

  #show(file: WalkedFile, sum: string | undefined): void {
    const { form } = this.#options;
    if (form === 'json')
      this.#out.write((this.#jsonFiles++ === 0 ? '[\n' : ',\n') + jsonLine(this.#format.record(file, sum)));
    else if (form === 'csv') this.#out.write(this.#format.csv(file, sum));
    else this.#out.write(this.#format.text(file, sum));
  }

  /** Write what has to wait for the end. */
  end(): void {
    if (this.#options.form !== 'json') return;
    this.#out.write(this.#jsonFiles === 0 ? '[]\n' : '\n]\n');
  }
}
