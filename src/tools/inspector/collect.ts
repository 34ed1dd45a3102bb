import type { Application2 } from '../../actions/generated/structs.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { ApplicationReport, FilesystemReport, SystemReport } from '../../inspect/report.ts';
import { escapeName } from '../common/escape.ts';
import type { Handle } from '../common/handle.ts';

/** What is gathered beside the essentials. */
export interface CollectOptions {
  applications: boolean;
  icon: boolean;
}

async function attempt<T>(call: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof GuestfsError) return otherwise;
    throw error;
  }
}

/** Ask a launched handle about all operating systems on its disks. Leaves nothing mounted. */
export async function collectInspection(handle: Handle, options: CollectOptions): Promise<SystemReport[]> {
  const found: SystemReport[] = [];
  for (const root of await handle.inspectOs()) found.push(await collectOne(handle, root, options));
  return found;
}

async function collectOne(handle: Handle, root: string, options: CollectOptions): Promise<SystemReport> {
  const text = (call: () => Promise<string>): Promise<string> => attempt(call, '');
  const name = await text(() => handle.inspectGetType(root));
  const mountpoints = Object.entries(await attempt(() => handle.inspectGetMountpoints(root), {}));
  // A parent before what is mounted below it.
  mountpoints.sort(([a], [b]) => a.length - b.length);
  const report: SystemReport = {
    root,
    name,
    arch: await text(() => handle.inspectGetArch(root)),
    distro: await text(() => handle.inspectGetDistro(root)),
    productName: await text(() => handle.inspectGetProductName(root)),
    productVariant: await text(() => handle.inspectGetProductVariant(root)),
    majorVersion: await attempt(() => handle.inspectGetMajorVersion(root), 0),
    minorVersion: await attempt(() => handle.inspectGetMinorVersion(root), 0),
    packageFormat: await text(() => handle.inspectGetPackageFormat(root)),
    packageManagement: await text(() => handle.inspectGetPackageManagement(root)),
    hostname: await text(() => handle.inspectGetHostname(root)),
    buildId: await text(() => handle.inspectGetBuildId(root)),
    osinfo: await text(() => handle.inspectGetOsinfo(root)),
    mountpoints,
    filesystems: await filesystems(handle, root),
  };
  if (name === 'windows') {
    report.windowsSystemroot = await text(() => handle.inspectGetWindowsSystemroot(root));
    report.windowsCurrentControlSet = await text(() => handle.inspectGetWindowsCurrentControlSet(root));
    report.driveMappings = Object.entries(await attempt(() => handle.inspectGetDriveMappings(root), {}));
  }
  if (options.applications || options.icon) await readFiles(handle, root, options, report);
  return report;
}

async function filesystems(handle: Handle, root: string): Promise<FilesystemReport[]> {
  const reports: FilesystemReport[] = [];
  const devices = await attempt(() => handle.inspectGetFilesystems(root), []);
  for (const device of devices.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    reports.push({
      device,
      type: await attempt(() => handle.vfsType(device), ''),
      label: await attempt(() => handle.vfsLabel(device), ''),
      uuid: await attempt(() => handle.vfsUuid(device), ''),
    });
  }
  return reports;
}

/** Applications and icon come out of the guest's files, which have to be mounted for it. */
async function readFiles(
  handle: Handle,
  root: string,
  options: CollectOptions,
  report: SystemReport,
): Promise<void> {
  for (const [mountpoint, device] of report.mountpoints) {
    await attempt(() => handle.mountRo(device, mountpoint), undefined);
  }
  try {
    if (options.applications) {
      report.applications = (await attempt(() => handle.inspectListApplications2(root), [])).map(
        applicationReport,
      );
    }
    if (options.icon) report.icon = await attempt(() => handle.inspectGetIcon(root), new Uint8Array(0));
  } finally {
    await handle.umountAll();
  }
}

function applicationReport(application: Application2): ApplicationReport {
  return {
    name: application.app2Name,
    displayName: application.app2DisplayName,
    epoch: application.app2Epoch,
    version: application.app2Version,
    release: application.app2Release,
    arch: application.app2Arch,
    installPath: application.app2InstallPath,
    publisher: application.app2Publisher,
    url: application.app2Url,
    sourcePackage: application.app2SourcePackage,
    summary: application.app2Summary,
    description: application.app2Description,
  };
}

/** What says nothing: absent, empty, `unknown`. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || value === 'unknown';
}

function withoutEmpty(record: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => !isEmpty(value)));
}

/** The form for JSON: what is not known is left out, the icon is base64. */
export function inspectionDocument(systems: readonly SystemReport[]): unknown {
  return systems.map(({ mountpoints, driveMappings, filesystems, applications, icon, ...rest }) => {
    const document = withoutEmpty(rest);
    document['mountpoints'] = Object.fromEntries(mountpoints);
    document['filesystems'] = filesystems.map(withoutEmpty);
    if (driveMappings !== undefined) document['driveMappings'] = Object.fromEntries(driveMappings);
    if (applications !== undefined) {
      document['applications'] = applications.map(({ epoch, ...application }) => ({
        ...withoutEmpty(application),
        ...(epoch === undefined || epoch === 0 ? {} : { epoch }),
      }));
    }
    if (icon !== undefined && icon.length > 0) document['icon'] = Buffer.from(icon).toString('base64');
    return document;
  });
}

/** A summary for people. */
export function inspectionSummary(systems: readonly SystemReport[]): string {
  if (systems.length === 0) return 'no operating system was found\n';
  return systems.map(summaryOfOne).join('\n');
}

function summaryOfOne(system: SystemReport): string {
  const known = (...texts: (string | undefined)[]): string =>
    texts.filter((text) => !isEmpty(text)).join(', ');
  const rows: [string, string][] = [
    ['Operating system', known(system.productName) || known(system.name)],
    ['Type', known(system.name, system.distro)],
    ['Version', `${system.majorVersion}.${system.minorVersion}`],
    ['Architecture', known(system.arch)],
    ['Host name', known(system.hostname)],
    ['Packages', known(system.packageFormat, system.packageManagement)],
    ['Installed', system.applications === undefined ? '' : `${system.applications.length} packages`],
    ['Root', system.root],
    ...system.mountpoints.map(([mountpoint, device]): [string, string] => [
      'Mounted',
      `${mountpoint} from ${device}`,
    ]),
  ];
  let text = '';
  for (const [title, value] of rows) {
    if (value !== '') text += `${`${title}:`.padEnd(18)}${escapeName(value)}\n`;
  }
  return text;
}
