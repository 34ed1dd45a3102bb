/** Speaks with the scripts in the machine: lines of text, answered by lines. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { GuestfsError } from '../../../errors/index.ts';

/**
 * Tell a machine that was restored which drives it has now, what time it is, and something that nobody can guess.
 * Resolves when it sees so many disks. Rejects with EPIPE where the line ends.
 */
export async function announceDrives(control: Socket, disks: number): Promise<void> {
  const seconds = (Date.now() / 1000).toFixed(3);
  control.write(`drives ${disks} ${seconds} ${randomBytes(32).toString('hex')}\n`);
  control.setEncoding('latin1');
  let text = '';
  await new Promise<void>((resolve, reject) => {
    control.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('ready\n')) resolve();
    });
    control.resume();
    control.once('close', () =>
      reject(new GuestfsError('EPIPE', 'the machine closed its line before it had its drives')),
    );
  });
}
