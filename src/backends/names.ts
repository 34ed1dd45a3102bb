import { GuestfsError, UnsupportedError } from '../errors/index.ts';

/** A backend as `set_backend` and `LIBGUESTFS_BACKEND` name it. */
export type BackendName =
  | { kind: 'engine' | 'auto' | 'appliance' }
  | { kind: 'unix'; path: string }
  | { kind: 'libvirt'; uri?: string };

/**
 * The backend of a name: `engine`, `auto`, `appliance` (old names `direct` and, older, `appliance` alike),
 * `unix:PATH`, `libvirt[:URI]`. Throws EINVAL for any other.
 */
export function parseBackend(name: string): BackendName {
  if (name === 'engine' || name === 'auto' || name === 'appliance') return { kind: name };
  if (name === 'direct') return { kind: 'appliance' };
  if (name.startsWith('unix:') && name.length > 5) return { kind: 'unix', path: name.slice(5) };
  if (name === 'libvirt') return { kind: 'libvirt' };
  if (name.startsWith('libvirt:')) return { kind: 'libvirt', uri: name.slice(8) };
  throw new GuestfsError(
    'EINVAL',
    `${name === '' ? 'an empty string' : name} is no backend; known are engine, auto, appliance (direct), unix:PATH, libvirt[:URI]`,
  );
}

/** Why a backend that is not built cannot be launched. */
export function backendNotBuilt(name: string): UnsupportedError {
  return new UnsupportedError(
    `the backend ${name} is not part of this version; set_backend or LIBGUESTFS_BACKEND can choose engine, auto, appliance or unix:PATH`,
  );
}
