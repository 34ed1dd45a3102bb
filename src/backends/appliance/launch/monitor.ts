/** Speaks with qemu over its monitor. Source: the QEMU Machine Protocol specification (qmp-spec). */
import type { Socket } from 'node:net';
import { GuestfsError } from '../../../errors/index.ts';

interface Reply {
  QMP?: unknown;
  return?: unknown;
  event?: string;
  error?: { class: string; desc: string };
}

/** A line to a monitor. */
export class Monitor {
  readonly #socket: Socket;
  #text = '';
  readonly #replies: Reply[] = [];
  #waiting: (() => void) | undefined;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (this.#text + text).split('\n');
      this.#text = lines.pop() as string;
      for (const line of lines) {
        if (line.trim() === '') continue;
        const reply = JSON.parse(line) as Reply;
        // Events tell nothing that is not asked for as well.
        if (reply.event === undefined) this.#replies.push(reply);
      }
      this.#waiting?.();
    });
    // It was held back when it came.
    socket.resume();
    socket.once('close', () => {
      this.#ended = true;
      this.#waiting?.();
    });
  }

  /** Take up a connection. */
  static async on(socket: Socket): Promise<Monitor> {
    const monitor = new Monitor(socket);
    await monitor.#reply('greeting');
    await monitor.run('qmp_capabilities');
    return monitor;
  }

  /** Run a command. Throws EIO with what qemu says where it fails. */
  async run(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const { error, return: result } = await this.#reply(command);
    if (error !== undefined) throw new GuestfsError('EIO', `qemu refuses ${command}: ${error.desc}`);
    return result;
  }

  async #reply(what: string): Promise<Reply> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.#ended) throw new GuestfsError('EPIPE', `qemu closed its monitor before it answered ${what}`);
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }
}
