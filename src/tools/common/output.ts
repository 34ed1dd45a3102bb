import { writeSync } from 'node:fs';
import { decodeText, encodeText } from '../../bytes/text.ts';
import { escapeForTerminal } from './escape.ts';
import { isTerminal } from './terminal.ts';
import { ToolError } from './usage-error.ts';
import { sleep } from '../../native/sleep.ts';

/** The reader of our output went away; the tool ends quietly, as SIGPIPE would end it. */
export class ClosedOutput extends Error {
  override readonly name = 'ClosedOutput';
}

/**
 * Write all of `bytes` to a descriptor. A pipe may be non-blocking (any touch of process.stdout, or a worker, makes
 * it so): a full one is waited for.
 *
 * @throws ClosedOutput where nobody reads any more, ToolError where it cannot be written.
 */
export function writeFully(fd: number, bytes: Uint8Array): void {
  let at = 0;
  let wait = 1;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at, bytes.length - at);
      wait = 1;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EAGAIN') {
        sleep(wait);
        wait = Math.min(wait * 2, 20);
        continue;
      }
      if (code === 'EPIPE') throw new ClosedOutput('the reader of the output went away');
      throw new ToolError(`cannot write the output: ${(error as Error).message}`);
    }
  }
}

/** Flushed when this much is waiting. */
const CHUNK = 64 * 1024;

/** Buffered text and bytes to a descriptor: raw bytes to files and pipes, escaped text to a terminal. */
export class Output {
  readonly fd: number;
  readonly terminal: boolean;
  #text = '';

  constructor(fd: number, terminal = isTerminal(fd)) {
    this.fd = fd;
    this.terminal = terminal;
  }

  /** Text that may hold guest strings. */
  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= CHUNK) this.flush();
  }

  /** Bytes of a guest. */
  writeBytes(bytes: Uint8Array): void {
    this.flush();
    if (!this.terminal) {
      writeFully(this.fd, bytes);
      return;
    }
    this.write(decodeText(bytes));
  }

  /** Bytes of our own that go out as they are, terminal or not (colours of a prompt). */
  writeRaw(text: string): void {
    this.flush();
    writeFully(this.fd, encodeText(text));
  }

  /** Send what is buffered. */
  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    writeFully(this.fd, encodeText(this.terminal ? escapeForTerminal(text) : text));
  }
}
