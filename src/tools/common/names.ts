/** `mount_ro` to `mount-ro`: the shell's spelling of an API name. */
export function dashed(name: string): string {
  return name.replaceAll('_', '-');
}
