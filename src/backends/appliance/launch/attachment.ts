import { randomBytes } from 'node:crypto';
import type { Attachment } from '../../../platform/attachment.ts';

const SEED = 32;

/** What a machine that goes on now is told: this host's time, something that nobody can guess, and its number of disks. */
export function attachmentOf(disks: number): Attachment {
  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  return { seconds, nanoseconds: (now - seconds * 1000) * 1_000_000, seed: randomBytes(SEED), disks };
}
