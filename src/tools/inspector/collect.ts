import type { Application2 } from '../../actions/generated/structs.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { Handle } from '../common/handle.ts';

/** What inspection says about one operating system. */
export interface Inspected {
  root: string;
  name: string;
  arch: string;
  distro: string;
  productName: string;
  productVariant: string;
  majorVersion: number;
  minorVersion: number;
  packageFormat: string;
  packageManagement: string;
  hostname: string;
  buildId: string;
  osinfo: string;
  windowsSystemroot: string;
  windowsCurrentControlSet: string;
  /** Mount points with their devices, in the order of inspection. */
  mountpoints: Record<string, string>;
  filesystems: { device: string; type: string; label: string; uuid: string }[];
  driveMappings: Record<string, string>;
  applications: Application2[];
  /** PNG, empty where there is none. */
  icon: Uint8Array;
}

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
export async function collectInspection(handle: Handle, options: CollectOptions): Promise<Inspected[]> {
  const found: Inspected[] = [];
  for (const root of await handle.inspectOs()) found.push(await collectOne(handle, root, options));
  return found;
}

async function collectOne(handle: Handle, root: string, options: CollectOptions): Promise<Inspected> {
  const text = (call: () => Promise<string>): Promise<string> => attempt(call, '');
  const name = await text(() => handle.inspectGetType(root));
  const windows = name === 'windows';
  const mountpoints = await attempt(() => handle.inspectGetMountpoints(root), {});
  const inspected: Inspected = {
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
    windowsSystemroot: windows ? await text(() => handle.inspectGetWindowsSystemroot(root)) : '',
    windowsCurrentControlSet: windows
      ? await text(() => handle.inspectGetWindowsCurrentControlSet(root))
      : '',
    mountpoints,
    filesystems: [],
    driveMappings: await attempt(() => handle.inspectGetDriveMappings(root), {}),
    applications: [],
    icon: new Uint8Array(0),
  };
  for (const device of await attempt(() => handle.inspectGetFilesystems(root), [])) {
    inspected.filesystems.push({
      device,
      type: await text(() => handle.vfsType(device)),
      label: await text(() => handle.vfsLabel(device)),
      uuid: await text(() => handle.vfsUuid(device)),
    });
  }
  if (!options.applications && !options.icon) return inspected;
  // Applications and icon are read from the guest's files.
  const ordered = Object.entries(mountpoints).toSorted(([a], [b]) => a.length - b.length);
  for (const [mountpoint, device] of ordered)
    await attempt(() => handle.mountRo(device, mountpoint), undefined);
  if (options.applications) {
    inspected.applications = await attempt(() => handle.inspectListApplications2(root), []);
  }
  if (options.icon) inspected.icon = await attempt(() => handle.inspectGetIcon(root), inspected.icon);
  await handle.umountAll();
  return inspected;
}

/** The form for JSON: what is not known is left out, the icon is base64. */
export function inspectionDocument(found: readonly Inspected[]): unknown {
  return found.map(({ icon, applications, driveMappings, ...rest }) => {
    const document: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(rest)) {
      if (value !== '' && value !== 'unknown') document[key] = value;
    }
    if (Object.keys(driveMappings).length > 0) document['driveMappings'] = driveMappings;
    if (applications.length > 0) document['applications'] = applications.map(applicationDocument);
    if (icon.length > 0) document['icon'] = Buffer.from(icon).toString('base64');
    return document;
  });
}

function applicationDocument(application: Application2): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(application) as [string, string | number][]) {
    if (key.startsWith('app2Spare') || value === '' || (key === 'app2Epoch' && value === 0)) continue;
    const short = key.slice('app2'.length);
    document[short.charAt(0).toLowerCase() + short.slice(1)] = value;
  }
  return document;
}

/** A summary for people. */
export function inspectionSummary(found: readonly Inspected[]): string {
  if (found.length === 0) return 'no operating system was found\n';
  return found.map(summaryOfOne).join('\n');
}

function summaryOfOne(os: Inspected): string {
  const rows: [string, string][] = [
    ['Operating system', os.productName === '' || os.productName === 'unknown' ? os.name : os.productName],
    ['Type', [os.name, os.distro].filter((text) => text !== '' && text !== 'unknown').join(', ')],
    ['Version', `${os.majorVersion}.${os.minorVersion}`],
    ['Architecture', os.arch],
    ['Host name', os.hostname],
    [
      'Packages',
      [os.packageFormat, os.packageManagement].filter((text) => text !== '' && text !== 'unknown').join(', '),
    ],
    ['Installed', os.applications.length === 0 ? '' : `${os.applications.length} packages`],
    ['Root', os.root],
  ];
  let text = '';
  for (const [title, value] of rows) {
    if (value !== '' && value !== 'unknown') text += `${`${title}:`.padEnd(18)}${value}\n`;
  }
  for (const [mountpoint, device] of Object.entries(os.mountpoints)) {
    text += `${'Mounted:'.padEnd(18)}${mountpoint} from ${device}\n`;
  }
  return text;
}
