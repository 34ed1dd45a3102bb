export { MapperPlan, type MapperDevice } from './mapper.ts';
export type { GroupPhysicalVolume, LogicalVolume, Segment, SegmentArea, VolumeGroup } from './model.ts';
export { devicePath, mapperName } from './names.ts';
export type { LogicalVolumeReport, PhysicalVolumeReport, VolumeGroupReport } from './report-types.ts';
export {
  dashedUuid,
  type FoundPhysicalVolume,
  type FoundVolumeGroup,
  type LvmDevice,
  type ScanOptions,
} from './scan.ts';
export { type ActivityOf, LvmState, scanLvm, VolumeGroupState } from './state.ts';
export { partsOf } from './roles.ts';
export { GroupEdit, type VolumeSize } from './writer/edit.ts';
export { checkGroupName } from './writer/names.ts';
export { eraseVolumeGroup, hasMetadataBehindData, writeVolumeGroup } from './writer/group.ts';
export { changeLabel, eraseLabel, wipeSignatures, writePhysicalVolume } from './writer/label.ts';
export { removalOf } from './writer/removal.ts';
export { randomLvmUuid } from './writer/uuid.ts';
