/** The folder of one machine: its sockets and secrets. Only the user may enter, and it goes with the machine. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostError } from '../../io/host-error.ts';

/** Unix sockets' paths are at most so long. */
const MAX_SOCKET_PATH = 107;
const LONGEST_NAME = 'guestfs-XXXXXX/channel.sock';

/** A folder that is removed with everything in it. */
export class PrivateFolder {
  readonly path: string;

  /** Make one in the first of some folders in which sockets can be. Throws where it cannot be made. */
  constructor(places: readonly string[]) {
    const place = places.find((path) => path.length + 1 + LONGEST_NAME.length <= MAX_SOCKET_PATH) ?? '/tmp';
    try {
      this.path = mkdtempSync(join(place, 'guestfs-'));
      chmodSync(this.path, 0o700);
    } catch (error) {
      throw hostError(error, "cannot make a folder for the machine's sockets", place);
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Write secrets into files of their own; returns their paths by the ids under which a machine knows them. */
  keepSecrets(secrets: ReadonlyMap<string, string>): Map<string, string> {
    const paths = new Map<string, string>();
    for (const [id, secret] of secrets) {
      const path = this.file(id);
      writeFileSync(path, secret, { flag: 'wx', mode: 0o600 });
      paths.set(id, path);
    }
    return paths;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
