/** Name of a volume as the device mapper has it: `VG-LV`, dashes within either doubled. */
export function mapperName(volumeGroup: string, logicalVolume: string): string {
  return `${volumeGroup.replaceAll('-', '--')}-${logicalVolume.replaceAll('-', '--')}`;
}

/** `/dev/VG/LV` */
export function devicePath(volumeGroup: string, logicalVolume: string): string {
  return `/dev/${volumeGroup}/${logicalVolume}`;
}
