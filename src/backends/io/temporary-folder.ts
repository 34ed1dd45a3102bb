import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const left = new Set<string>();
let isListening = false;

/** A folder that is made at its first use and goes with the program, also where nobody removes it before. */
export class TemporaryFolder {
  #path: string | undefined;

  /** Where it is; undefined as long as there is none. */
  get path(): string | undefined {
    return this.#path;
  }

  /** Its path; makes it below `place` if need be. Throws what mkdtemp(3) gives. */
  make(place: string): string {
    if (this.#path !== undefined) return this.#path;
    this.#path = mkdtempSync(join(place, 'guestfs-'));
    if (!isListening) process.once('exit', removeAll);
    isListening = true;
    left.add(this.#path);
    return this.#path;
  }

  /** Remove it with everything in it. */
  remove(): void {
    if (this.#path === undefined) return;
    rmSync(this.#path, { recursive: true, force: true });
    left.delete(this.#path);
    this.#path = undefined;
  }
}

function removeAll(): void {
  for (const path of left) rmSync(path, { recursive: true, force: true });
}
