/** A small process beside the program, which ends machines and removes folders where the program is killed. */
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads what there is to clean up, a line each, until its pipe closes; unless it was told that all is done, the program
 * was killed.
 */
const SCRIPT = `groups=
while read -r word rest; do
  case $word in
  folder) set -- "$@" "$rest" ;;
  group) groups="$groups $rest" ;;
  ended)
    kept=
    for group in $groups; do [ "$group" = "$rest" ] || kept="$kept $group"; done
    groups=$kept
    ;;
  done) exit ;;
  esac
done
for group in $groups; do kill -9 -- "-$group"; done
[ $# -eq 0 ] || rm -rf -- "$@"
`;

/** Watches over the program; lives until {@link done}, or until the program is gone. */
export class Watchdog {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'guestfs-watchdog'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Without it setpriv remains.
    this.#child.on('error', () => {});
    this.#child.stdin?.on('error', () => {});
    this.#child.unref();
    (this.#child.stdin as { unref?(): void } | null)?.unref?.();
  }

  /** Remove a folder, which need not be there yet. */
  folder(path: string): void {
    // A line cannot say such a name.
    if (!path.includes('\n')) this.#tell(`folder ${path}`);
  }

  /** Kill a process group. */
  group(id: number): void {
    this.#tell(`group ${id}`);
  }

  /** A process group has ended: its number may become another's. */
  ended(id: number): void {
    this.#tell(`ended ${id}`);
  }

  /** There is nothing to clean up any more. */
  done(): void {
    this.#child.stdin?.end('done\n');
  }

  #tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
