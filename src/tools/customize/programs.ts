import { shellWord } from '../../bytes/shell-word.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { Handle } from '../common/handle.ts';
import { ToolError } from '../common/usage-error.ts';
import type { CustomizeContext } from './context.ts';

/** Bytes of a program's output that are shown where it fails: the end tells why. */
const SHOWN = 8192;

/**
 * Run a line of shell in the guest, its output and its errors together in a file there, which is gone afterwards. The end of it
 * is told where the line fails, and where much is to be told.
 *
 * @throws ToolError with the exit status, UnsupportedError where there is no machine to run it in.
 */
export async function runShell(context: CustomizeContext, what: string, line: string): Promise<void> {
  await inFolder(context, (folder) => run(context, what, line, folder));
}

/** Run a script of the host in the guest, under a name that is gone afterwards. */
export async function runScript(context: CustomizeContext, path: string): Promise<void> {
  const { handle } = context;
  await inFolder(context, async (folder) => {
    const script = `${folder}/script`;
    await handle.upload(path, script);
    await handle.chmod(0o755, script);
    await run(context, path, script, folder);
  });
}

async function inFolder(
  { handle }: CustomizeContext,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await handle.mkdtemp('/tmp/guestfs-XXXXXX');
  try {
    await body(folder);
  } finally {
    await handle.rmRf(folder);
  }
}

async function run(context: CustomizeContext, what: string, line: string, folder: string): Promise<void> {
  const { handle, say, made } = context;
  // What it makes is not known, so that a guest with SELinux labels everything.
  made('/');
  const log = `${folder}/output`;
  try {
    await handle.sh(`exec >${log} 2>&1 </dev/null\n${line}\n`);
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code === 'ENOTSUP' || error.code === 'EINTR') throw error;
    throw new ToolError([`${what}: ${error.message}`, await endOf(handle, log)].join('\n').trimEnd());
  }
  if (await handle.getVerbose()) say(await endOf(handle, log));
}

/** The end of a file of the guest, nothing where there is none. */
async function endOf(handle: Handle, path: string): Promise<string> {
  if (!(await handle.isFile(path))) return '';
  const from = Math.max(0, Number(await handle.filesize(path)) - SHOWN);
  return Buffer.from(await handle.pread(path, SHOWN, from))
    .toString('utf8')
    .trimEnd();
}

/** What is to be done with packages. */
export type PackageWish = 'install' | 'uninstall' | 'update';

const APT =
  'DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold';

/** How each manager of packages is told, by the names that inspection has for them. None of them asks anything. */
const MANAGERS: Readonly<Record<string, Record<PackageWish, string>>> = {
  apk: { install: 'apk update && apk add', uninstall: 'apk del', update: 'apk update && apk upgrade' },
  apt: {
    install: `apt-get -q update && ${APT} install`,
    uninstall: `${APT} remove`,
    update: `apt-get -q update && ${APT} upgrade`,
  },
  dnf: { install: 'dnf -y install', uninstall: 'dnf -y remove', update: 'dnf -y upgrade' },
  pacman: {
    install: 'pacman -Sy --noconfirm',
    uninstall: 'pacman -R --noconfirm',
    update: 'pacman -Syu --noconfirm',
  },
  urpmi: { install: 'urpmi --auto', uninstall: 'urpme --auto', update: 'urpmi --auto --auto-update' },
  xbps: { install: 'xbps-install -Sy', uninstall: 'xbps-remove -y', update: 'xbps-install -Suy' },
  yum: { install: 'yum -y install', uninstall: 'yum -y remove', update: 'yum -y update' },
  zypper: {
    install: 'zypper -n install -l',
    uninstall: 'zypper -n remove',
    update: 'zypper -n update -l',
  },
};

/** The line of shell that does something with packages; undefined for a manager that is not known. */
export function packageCommand(
  manager: string,
  wish: PackageWish,
  packages: readonly string[],
): string | undefined {
  if (!Object.hasOwn(MANAGERS, manager)) return undefined;
  return [MANAGERS[manager]?.[wish], ...packages.map(shellWord)].join(' ');
}

/** Install, remove or update packages with the guest's own manager of them. */
export async function managePackages(
  context: CustomizeContext,
  wish: PackageWish,
  packages: readonly string[],
): Promise<void> {
  const { handle, root } = context;
  if (root === undefined) {
    throw new ToolError(`--${wish}: the system is not known where filesystems are mounted with --mount`);
  }
  const manager = await handle.inspectGetPackageManagement(root);
  const line = packageCommand(manager, wish, packages);
  if (line === undefined) {
    throw new ToolError(
      `--${wish}: nothing is known about managing packages with '${manager}'; use --run-command`,
    );
  }
  await runShell(context, `--${wish}`, line);
}
