import { ToolError } from '../common/usage-error.ts';
import { writeText, type CustomizeContext } from './context.ts';

const FOLDER = '/usr/lib/guestfs-firstboot';
const SCRIPTS = `${FOLDER}/scripts`;
const DONE = `${FOLDER}/scripts-done`;
const RUNNER = `${FOLDER}/run`;
const UNIT = 'guestfs-firstboot.service';

/** Runs each script once, in the order of their names; one that ran is moved away first, so that it never runs again. */
const RUNNER_TEXT = `#!/bin/sh
# Runs what was installed for the first boot, once. Output goes to ${FOLDER}/log.
exec >>${FOLDER}/log 2>&1
mkdir -p ${DONE}
for script in ${SCRIPTS}/*; do
  [ -f "$script" ] || continue
  mv "$script" ${DONE}/ || continue
  name=$(basename "$script")
  echo "=== $name"
  ${DONE}/"$name"
  echo "=== $name ended with status $?"
done
`;

const UNIT_TEXT = `[Unit]
Description=What was installed for the first boot of this machine
After=network.target
Before=systemd-user-sessions.service

[Service]
Type=oneshot
ExecStart=${RUNNER}
StandardOutput=journal
RemainAfterExit=yes

[Install]
WantedBy=multi-user.target
`;

const INIT_TEXT = `#!/bin/sh
### BEGIN INIT INFO
# Provides:          guestfs-firstboot
# Required-Start:    $remote_fs $syslog
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: Runs what was installed for the first boot
### END INIT INFO
case "$1" in
start) ${RUNNER} ;;
esac
`;

async function installRunner(context: CustomizeContext): Promise<void> {
  const { handle } = context;
  if (await handle.exists(RUNNER)) return;
  await handle.mkdirP(SCRIPTS);
  context.made(FOLDER);
  await writeText(context, RUNNER, RUNNER_TEXT);
  await handle.chmod(0o755, RUNNER);
  const systemd = ['/usr/lib/systemd/system', '/lib/systemd/system'];
  for (const folder of systemd) {
    if (!(await handle.isDir(folder, { followsymlinks: true }))) continue;
    await writeText(context, `/etc/systemd/system/${UNIT}`, UNIT_TEXT);
    await handle.mkdirP('/etc/systemd/system/multi-user.target.wants');
    await handle.lnSf(`/etc/systemd/system/${UNIT}`, `/etc/systemd/system/multi-user.target.wants/${UNIT}`);
    return;
  }
  if (!(await handle.isDir('/etc/init.d', { followsymlinks: true }))) {
    throw new ToolError(
      'this guest has neither systemd nor /etc/init.d: nothing can be installed for its first boot',
    );
  }
  await writeText(context, '/etc/init.d/guestfs-firstboot', INIT_TEXT);
  await handle.chmod(0o755, '/etc/init.d/guestfs-firstboot');
  for (const level of [2, 3, 4, 5]) {
    for (const folder of [`/etc/rc${level}.d`, `/etc/rc.d/rc${level}.d`]) {
      if (!(await handle.isDir(folder))) continue;
      await handle.lnSf('/etc/init.d/guestfs-firstboot', `${folder}/S99guestfs-firstboot`);
      break;
    }
  }
}

/** Have the guest run a script at its next boot, after those that were installed before. */
export async function installFirstboot(
  context: CustomizeContext,
  name: string,
  content: Uint8Array,
): Promise<void> {
  const { handle } = context;
  await installRunner(context);
  const there = await handle.ls(SCRIPTS);
  const last = Math.max(0, ...there.map((entry) => Number.parseInt(entry, 10) || 0));
  const safe = name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 100);
  const path = `${SCRIPTS}/${String(last + 1).padStart(4, '0')}-${safe}`;
  await handle.write(path, content);
  await handle.chmod(0o755, path);
  context.made(path);
}
