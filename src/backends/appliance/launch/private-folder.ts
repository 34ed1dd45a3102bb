/** The folder of one machine: its sockets and secrets. Only the user may enter, and it goes with the machine. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostError } from '../../io/host-error.ts';
import type { SecretFormat } from './remote-disk.ts';
import type { Watchdog } from './watchdog.ts';

/** Unix sockets' paths are at most so long. */
const MAX_SOCKET_PATH = 107;
const LONGEST_NAME = 'guestfs-XXXXXXXX/channel.sock';

/** A secret that a machine is to know. */
export interface Secret {
  text: string;
  format: SecretFormat;
}

/** A secret in a file. */
export interface KeptSecret {
  file: string;
  format: SecretFormat;
}

/** A folder that is removed with everything in it. */
export class PrivateFolder {
  readonly path: string;

  /** Make one in the first of some folders in which sockets can be, watched over. Throws where it cannot be made. */
  constructor(places: readonly string[], watchdog?: Watchdog) {
    const place = places.find((path) => path.length + 1 + LONGEST_NAME.length <= MAX_SOCKET_PATH) ?? '/tmp';
    this.path = join(place, `guestfs-${randomBytes(4).toString('hex')}`);
    // Told before it is made: the program may be killed in between.
    watchdog?.folder(this.path);
    try {
      mkdirSync(this.path, { mode: 0o700 });
      // Whatever the umask says.
      chmodSync(this.path, 0o700);
    } catch (error) {
      throw hostError(error, "cannot make a folder for the machine's sockets", place);
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Write secrets into files of their own; returns where they are by the ids under which a machine knows them. */
  keepSecrets(secrets: ReadonlyMap<string, Secret>): Map<string, KeptSecret> {
    const kept = new Map<string, KeptSecret>();
    for (const [id, { text, format }] of secrets) {
      const file = this.file(id);
      writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
      kept.set(id, { file, format });
    }
    return kept;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
