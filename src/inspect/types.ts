/** What libguestfs says where it does not know. */
export const UNKNOWN = 'unknown';

/** Kinds of operating systems, as inspect_get_type spells them. */
export type SystemType =
  'linux' | 'freebsd' | 'netbsd' | 'openbsd' | 'hurd' | 'dos' | 'minix' | 'windows' | 'unknown';

/** Which release of which distribution: what the release files say. */
export interface Release {
  /** Name as inspect_get_distro spells it, or `unknown`. */
  distro: string;
  /** Free text for people, or `unknown`. */
  product: string;
  major: number;
  minor: number;
}

/** An operating system that inspection found; the names and values are those of the inspection actions. */
export interface OperatingSystem extends Release {
  /** Mountable of the root filesystem. */
  root: string;
  type: SystemType;
  variant: string;
  arch: string;
  hostname: string;
  packageFormat: string;
  packageManagement: string;
  buildId: string;
  osinfo: string;
  /** Mount point to mountable, shorter mount points first. */
  mountpoints: ReadonlyMap<string, string>;
  /** Mountables of the system, swap among them, none twice; those of fstab from its end to its start. */
  filesystems: readonly string[];
}
