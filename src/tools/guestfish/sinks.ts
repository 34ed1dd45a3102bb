import type { FileOutput } from '../../handle/arguments.ts';
import { fileOutput } from '../common/file-output.ts';
import type { Output } from '../common/output.ts';

/** Where a command's output goes: our own standard output, a host command behind `|`, or a remote client. */
export interface Sink {
  /** Text, in which guest bytes may be escaped as bytes/text has it. */
  write(text: string): void;
  /** Bytes of a guest. */
  writeBytes(bytes: Uint8Array): void;
  /** Everything is on its way when this is done. */
  flush(): void | Promise<void>;
  /** What stands for `-` where a command writes to a file. */
  fileOutput(): FileOutput | Promise<FileOutput>;
  /** A terminal reads it. */
  readonly terminal: boolean;
}

/** A sink over a descriptor of ours. */
export class OutputSink implements Sink {
  readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  get terminal(): boolean {
    return this.output.terminal;
  }

  write(text: string): void {
    this.output.write(text);
  }

  writeBytes(bytes: Uint8Array): void {
    this.output.writeBytes(bytes);
  }

  flush(): void {
    this.output.flush();
  }

  fileOutput(): Promise<FileOutput> {
    return fileOutput(this.output);
  }
}
