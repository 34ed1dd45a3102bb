import type { Application, Application2 } from '../actions/generated/structs.ts';
import type { PackageRecord } from '../formats/package.ts';

/** A package as inspect_list_applications2 tells it. */
export function application2(record: PackageRecord): Application2 {
  return {
    app2Name: record.name,
    app2DisplayName: '',
    app2Epoch: record.epoch,
    app2Version: record.version,
    app2Release: record.release,
    app2Arch: record.arch,
    app2InstallPath: '',
    app2TransPath: '',
    app2Publisher: record.publisher,
    app2Url: record.url,
    app2SourcePackage: record.sourcePackage,
    app2Summary: record.summary,
    app2Description: record.description,
    app2Class: '',
    app2Spare2: '',
    app2Spare3: '',
    app2Spare4: '',
  };
}

/** The older struct, without the architecture. */
export function application(record: PackageRecord): Application {
  return {
    appName: record.name,
    appDisplayName: '',
    appEpoch: record.epoch,
    appVersion: record.version,
    appRelease: record.release,
    appInstallPath: '',
    appTransPath: '',
    appPublisher: record.publisher,
    appUrl: record.url,
    appSourcePackage: record.sourcePackage,
    appSummary: record.summary,
    appDescription: record.description,
  };
}
