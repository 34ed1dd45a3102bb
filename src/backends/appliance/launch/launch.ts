/** Brings a machine up: out of a saved one where that can be, else by booting; with KVM where it works. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { uuidText } from '../../../bytes/guid.ts';
import { decodeText } from '../../../bytes/text.ts';
import { GuestfsError } from '../../../errors/index.ts';
import type { RemoteSession } from '../../remote/session.ts';
import { MARK } from '../build/cache.ts';
import { cachedAppliance, daemonBundle, fixedAppliance } from '../build/locate.ts';
import type { MachineFacts, MachinePlan } from './arguments.ts';
import { attachmentOf } from './attachment.ts';
import { driveSource } from './drive-source.ts';
import { LAUNCH_WORD_BYTES, Machine, type MachineEvents, type MachineLines } from './machine.ts';
import { PrivateFolder, type Secret } from './private-folder.ts';
import { Monitor } from './monitor.ts';
import { mayNameFiles, refuseNamedFiles } from './named-files.ts';
import { type Hypervisor, probeHypervisor, warned, withoutKvm } from './probe.ts';
import type { KeepSecret } from './remote-disk.ts';
import {
  type Connect,
  dropSavedMachine,
  monitorIn,
  restore,
  savedMachine,
  socketsIn,
  within,
} from './saved.ts';
import { Watchdog } from './watchdog.ts';
import { backendSetting, isSet, type MachineDrive, type MachineSettings } from './settings.ts';

/** What a launch tells besides. */
export interface LaunchEvents {
  /** What the machine's console and qemu print. */
  appliance(text: string): void;
  warning(message: string): void;
  library(message: string): void;
  /** How far the launch has come. */
  progress(position: number, total: number): void;
  /** A machine was started, which may not come up. */
  started(machine: Machine): void;
  /** True when nobody wants the machine any more. */
  cancelled(): boolean;
}

/** What is launched. */
export interface LaunchRequest {
  settings: MachineSettings;
  drives: readonly MachineDrive[];
  verbose: boolean;
  /** Begin to speak through a line on which the launch word is still to come. */
  connect: Connect;
  /** For a person who works in it, with {@link startShell}. */
  rescue?: boolean;
}

/** A machine whose daemon can be spoken to. */
export interface LaunchedMachine {
  machine: Machine;
  /** The line to the daemon, and the session on it, which has started. */
  channel: Socket;
  session: RemoteSession;
  /** The line to the scripts; an appliance of libguestfs has none. */
  control?: Socket;
}

const STEPS = 12;
/** Milliseconds that a restored machine may take to see its disks. */
const DRIVES_LIMIT = 20_000;
/** And for each disk. */
const DRIVE_LIMIT = 500;
/** Milliseconds that a machine may take to boot. */
const BOOT_LIMIT = 600_000;
/** The same on KVM, after which it is tried without. */
const KVM_BOOT_LIMIT = 60_000;
const UUID_OFFSET = 0x468;
const MAGIC_OFFSET = 0x438;

/**
 * Launch a machine on drives. Backend settings: `force_tcg`, `force_kvm`, `saved_machine=0`, `launch_timeout=SECONDS`.
 * Throws what finding, building and starting throw; no process and no file is left then.
 */
export async function launchMachine(request: LaunchRequest, events: LaunchEvents): Promise<LaunchedMachine> {
  const { settings } = request;
  const watchdog = settings.recoveryProc ? new Watchdog() : undefined;
  if (settings.temporary !== undefined) watchdog?.folder(settings.temporary);
  try {
    const launched = await launch(request, events, watchdog);
    void launched.machine.process.ended.then(() => watchdog?.done());
    return launched;
  } catch (error) {
    watchdog?.done();
    throw error;
  }
}

async function launch(
  request: LaunchRequest,
  events: LaunchEvents,
  watchdog: Watchdog | undefined,
): Promise<LaunchedMachine> {
  const { settings } = request;
  events.progress(0, STEPS);
  const hypervisor = await probeHypervisor(settings);
  const appliance = await findAppliance(settings, events);
  const warn = (choice: Hypervisor): void => {
    if (choice.warning === undefined) return;
    events.warning(choice.warning);
    warned(settings, choice);
  };
  warn(hypervisor);
  const reason = hypervisor.note === undefined ? '' : ` (${hypervisor.note})`;
  events.library(
    `qemu ${hypervisor.version} (${settings.hv}), ${hypervisor.acceleration}${reason}, appliance ${appliance}`,
  );
  events.progress(2, STEPS);
  const attempt = (choice: Hypervisor): Promise<LaunchedMachine> =>
    bringUp(request, appliance, choice, events, watchdog);
  if (hypervisor.acceleration === 'tcg' || isSet(settings, 'force_kvm')) return attempt(hypervisor);
  try {
    return await attempt(hypervisor);
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'ETIMEDOUT') throw error;
    const without = withoutKvm(settings, hypervisor, `on it ${error.message}`);
    warn(without);
    return attempt(without);
  }
}

/**
 * Do what can be done of a launch while another program has the drives: find qemu and what it can do, and make the appliance if
 * it is not there. Throws as {@link launchMachine}.
 */
export async function prepareMachine(
  { settings, drives }: Pick<LaunchRequest, 'settings' | 'drives'>,
  events: Pick<LaunchEvents, 'library'>,
): Promise<void> {
  await probeHypervisor(settings);
  describeAppliance(await findAppliance(settings, events));
  for (const drive of drives) {
    if (drive.snapshot !== undefined) driveSource(drive, () => '');
  }
}

async function findAppliance(
  { path, cachedir }: MachineSettings,
  events: Pick<LaunchEvents, 'library'>,
): Promise<string> {
  const fixed = fixedAppliance(path);
  if (fixed !== undefined) return fixed;
  const daemon = daemonBundle();
  if (daemon === undefined) {
    throw new GuestfsError(
      'ENOENT',
      `there is no appliance in ${path}, and the daemon to make one is not beside this program: set LIBGUESTFS_PATH to a fixed appliance`,
      { path },
    );
  }
  return cachedAppliance(cachedir, { daemon }, (message) => events.library(message));
}

async function bringUp(
  request: LaunchRequest,
  appliance: string,
  hypervisor: Hypervisor,
  events: LaunchEvents,
  watchdog: Watchdog | undefined,
): Promise<LaunchedMachine> {
  const { settings, verbose } = request;
  const secrets = new Map<string, Secret>();
  const keepSecret: KeepSecret = (text, format) => {
    const id = `secret${secrets.size}`;
    secrets.set(id, { text, format });
    return id;
  };
  const facts: MachineFacts = {
    settings,
    acceleration: hypervisor.acceleration,
    sandbox: hypervisor.sandbox,
    appliance: describeAppliance(appliance),
    drives: request.drives.map((drive) => ({ drive, source: driveSource(drive, keepSecret) })),
    verbose,
    rescue: request.rescue ?? false,
    watchdog,
  };
  const doubtful = mayNameFiles(facts.drives);
  const planIn = (folder: PrivateFolder): MachinePlan => ({
    ...facts,
    sockets: { ...socketsIn(folder), ...(doubtful ? { monitor: monitorIn(folder) } : {}) },
    secrets: folder.keepSecrets(secrets),
  });
  checkWanted(events);
  const { connect } = request;
  const restored =
    maySave(facts) && !doubtful ? await tryRestore(facts, planIn, hypervisor, connect, events) : {};
  checkWanted(events);
  if (restored.launched !== undefined) return restored.launched;
  const booted = await boot(planIn, bootLimit(settings, hypervisor), facts, connect, events);
  // What boots with the same drives and could not be restored was saved badly.
  if (restored.unusable !== undefined) dropSavedMachine(restored.unusable);
  return booted;
}

function bootLimit(settings: MachineSettings, { acceleration }: Hypervisor): number {
  const stated = backendSetting(settings, 'launch_timeout');
  if (stated === undefined) return acceleration === 'kvm' ? KVM_BOOT_LIMIT : BOOT_LIMIT;
  if (!/^\d{1,6}$/.test(stated) || Number(stated) === 0) {
    throw new GuestfsError('EINVAL', `launch_timeout=${stated}: expected seconds`);
  }
  return Number(stated) * 1000;
}

/** Whether a saved machine is the same as one that boots; whoever looks for what goes wrong wants to see it boot. */
function maySave({ settings, appliance, verbose, rescue }: MachineFacts): boolean {
  const plain =
    (settings.append ?? '') === '' && settings.parameters.length === 0 && settings.identifier === '';
  const wanted = backendSetting(settings, 'saved_machine') === undefined || isSet(settings, 'saved_machine');
  return appliance.own && plain && wanted && !verbose && !rescue;
}

/** What came of trying to restore a machine. */
interface Restored {
  launched?: LaunchedMachine;
  /** The folder of a saved machine that did not come up. */
  unusable?: string;
}

async function tryRestore(
  facts: MachineFacts,
  planIn: (folder: PrivateFolder) => MachinePlan,
  hypervisor: Hypervisor,
  connect: Connect,
  events: LaunchEvents,
): Promise<Restored> {
  const { settings, drives } = facts;
  const output = outputOf(events);
  let saved: string;
  try {
    const limit = bootLimit(settings, hypervisor);
    saved = await savedMachine(facts, hypervisor.version, limit, connect, output);
  } catch (error) {
    events.library(`no machine can be saved: ${(error as Error).message}`);
    return {};
  }
  events.progress(8, STEPS);
  try {
    const folder = new PrivateFolder(placesOf(settings), facts.watchdog);
    const { machine, lines } = await restore(planIn, saved, folder, output);
    const { channel, control } = lines;
    // A machine that was saved has said the launch word long ago.
    channel.unshift(LAUNCH_WORD_BYTES);
    const session = connect(channel);
    const speak = async (): Promise<void> => {
      await session.start();
      await session.attach(attachmentOf(drives.length + 1));
    };
    try {
      await within(DRIVES_LIMIT + drives.length * DRIVE_LIMIT, machine.orEnd(speak()));
    } catch (error) {
      await machine.kill();
      throw error;
    }
    events.progress(STEPS, STEPS);
    return { launched: { machine, channel, session, control } };
  } catch (error) {
    events.library(`the saved machine cannot be used: ${(error as Error).message}`);
    return { unusable: saved };
  }
}

async function boot(
  planIn: (folder: PrivateFolder) => MachinePlan,
  limit: number,
  { settings, appliance, drives, watchdog }: MachineFacts,
  connect: Connect,
  events: LaunchEvents,
): Promise<LaunchedMachine> {
  let spoke = false;
  const machine = await Machine.start(planIn, new PrivateFolder(placesOf(settings), watchdog), {
    ...outputOf(events),
    output(chunk) {
      if (!spoke) events.progress(6, STEPS);
      spoke = true;
      events.appliance(asText(chunk));
    },
  });
  events.progress(3, STEPS);
  try {
    const up = async (): Promise<MachineLines & { session: RemoteSession }> => {
      const lines = await machine.lines();
      if (lines.monitor !== undefined) {
        await machine.orEnd(Monitor.on(lines.monitor).then((qemu) => refuseNamedFiles(qemu, drives)));
      }
      const session = connect(lines.channel);
      await machine.orEnd(session.start());
      return { ...lines, session };
    };
    const { channel, control, session } = await within(limit, up());
    events.progress(STEPS, STEPS);
    return { machine, channel, session, ...(appliance.own ? { control } : {}) };
  } catch (error) {
    await machine.kill();
    throw error;
  }
}

function outputOf(events: LaunchEvents): MachineEvents {
  return {
    output: (chunk) => events.appliance(asText(chunk)),
    started: (machine) => events.started(machine),
  };
}

function checkWanted(events: LaunchEvents): void {
  if (events.cancelled()) throw new GuestfsError('EINTR', 'the launch was given up');
}

const placesOf = ({ sockdir, tmpdir }: MachineSettings): string[] => [sockdir, tmpdir];

/** Characters cut in two by the end of a piece are whole again where the pieces are encoded. */
const asText = (chunk: Uint8Array): string => decodeText(chunk);

/** What is in a folder with an appliance. Throws EINVAL for a root that is no ext filesystem. */
function describeAppliance(folder: string): MachinePlan['appliance'] {
  const root = join(folder, 'root');
  const bytes = Buffer.alloc(UUID_OFFSET + 16);
  const fd = openSync(root, 'r');
  try {
    readSync(fd, bytes, 0, bytes.length, 0);
  } finally {
    closeSync(fd);
  }
  if (bytes.readUInt16LE(MAGIC_OFFSET) !== 0xef53) {
    throw new GuestfsError(
      'EINVAL',
      `${root}: the root of an appliance must be an ext2, ext3 or ext4 filesystem`,
      { path: root },
    );
  }
  const uuid = uuidText(bytes.subarray(UUID_OFFSET));
  const mark = join(folder, MARK);
  const own = existsSync(mark) && readFileSync(mark, 'utf8').includes('guestfs appliance build');
  return { kernel: join(folder, 'kernel'), initrd: join(folder, 'initrd'), root, uuid, own };
}
