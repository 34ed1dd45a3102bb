/** What is printed of one operating system; what is undefined is left out. Names as in the inspection actions. */
export interface SystemReport {
  /** Mountable of the root filesystem. */
  root: string;
  /** `inspect_get_type`. */
  name?: string;
  arch?: string;
  distro?: string;
  productName?: string;
  productVariant?: string;
  majorVersion?: number;
  minorVersion?: number;
  packageFormat?: string;
  packageManagement?: string;
  windowsSystemroot?: string;
  windowsCurrentControlSet?: string;
  windowsGroupPolicy?: boolean;
  hostname?: string;
  buildId?: string;
  osinfo?: string;
  /** Mount point and mountable. */
  mountpoints: readonly (readonly [mountpoint: string, device: string])[];
  filesystems: readonly FilesystemReport[];
  /** Drive letter and device. */
  driveMappings?: readonly (readonly [name: string, device: string])[];
  /** Undefined where they were not asked for. */
  applications?: readonly ApplicationReport[];
  /** PNG; undefined or empty where there is none. */
  icon?: Uint8Array;
}

/** A filesystem of a system. */
export interface FilesystemReport {
  device: string;
  type?: string;
  label?: string;
  uuid?: string;
}

/** An installed application: the fields of `application2` that may be printed. */
export interface ApplicationReport {
  name: string;
  displayName?: string;
  epoch?: number;
  version?: string;
  release?: string;
  arch?: string;
  installPath?: string;
  publisher?: string;
  url?: string;
  sourcePackage?: string;
  summary?: string;
  description?: string;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Bytes in base64 (RFC 4648, section 4), without line breaks. */
export function base64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const first = bytes[i] as number;
    const second = bytes[i + 1];
    const third = bytes[i + 2];
    parts.push(
      BASE64.charAt(first >> 2),
      BASE64.charAt(((first & 3) << 4) | ((second ?? 0) >> 4)),
      second === undefined ? '=' : BASE64.charAt(((second & 15) << 2) | ((third ?? 0) >> 6)),
      third === undefined ? '=' : BASE64.charAt(third & 63),
    );
  }
  return parts.join('');
}
