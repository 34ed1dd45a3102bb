import { base64, type ApplicationReport, type SystemReport } from './report.ts';

/**
 * The document that virt-inspector prints: its elements, their order and their indentation are those of libguestfs's
 * tool.
 */

const INDENT = '  ';

/**
 * Text as XML 1.0 can hold it. Guest strings may contain anything: what XML has no character for (control
 * characters, bytes that are no UTF-8) becomes U+FFFD.
 */
export function xmlText(text: string): string {
  let escaped = '';
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    let to: string;
    if (unit === 0x26) to = '&amp;';
    else if (unit === 0x3c) to = '&lt;';
    else if (unit === 0x3e) to = '&gt;';
    else if (unit === 0x22) to = '&quot;';
    else if (unit === 0x0d) to = '&#13;';
    else if (unit < 0x20 ? unit !== 0x09 && unit !== 0x0a : unit >= 0xfffe) to = '\ufffd';
    else if (unit >= 0xd800 && unit <= 0xdfff) {
      const next = text.charCodeAt(i + 1);
      if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) {
        i++;
        continue;
      }
      to = '\ufffd';
    } else continue;
    escaped += text.slice(from, i) + to;
    from = i + 1;
  }
  return from === 0 ? text : escaped + text.slice(from);
}

/** Text of an attribute between double quotes. */
export function xmlAttribute(text: string): string {
  return xmlText(text).replaceAll('\t', '&#9;').replaceAll('\n', '&#10;');
}

class XmlWriter {
  readonly lines: string[] = ['<?xml version="1.0"?>'];
  readonly #open: { name: string; line: number }[] = [];

  start(name: string, attribute?: readonly [name: string, value: string]): void {
    this.#open.push({ name, line: this.lines.length });
    this.lines.push(`${INDENT.repeat(this.#open.length - 1)}<${name}${attributeText(attribute)}>`);
  }

  end(): void {
    const { name, line } = this.#open.pop() as { name: string; line: number };
    // An element without content is written as one tag.
    if (line === this.lines.length - 1) this.lines.push((this.lines.pop() as string).replace(/>$/, '/>'));
    else this.lines.push(`${this.#indent()}</${name}>`);
  }

  element(name: string, text: string, attribute?: readonly [name: string, value: string]): void {
    const body = text === '' ? '/>' : `>${xmlText(text)}</${name}>`;
    this.lines.push(`${this.#indent()}<${name}${attributeText(attribute)}${body}`);
  }

  /** An element of base64, in lines that end and are as long as libxml2 makes them. */
  base64(name: string, bytes: Uint8Array): void {
    const rows = base64(bytes).match(/.{1,72}/g) ?? [];
    this.lines.push(`${this.#indent()}<${name}>${rows.join('\r\n')}</${name}>`);
  }

  /** An element where there is text to put in it. */
  optional(name: string, text: string | undefined): void {
    if (text !== undefined && text !== '') this.element(name, text);
  }

  #indent(): string {
    return INDENT.repeat(this.#open.length);
  }
}

function attributeText(attribute: readonly [string, string] | undefined): string {
  return attribute === undefined ? '' : ` ${attribute[0]}="${xmlAttribute(attribute[1])}"`;
}

/** `unknown` says nothing and is not printed. */
function known(text: string | undefined): string | undefined {
  return text === 'unknown' ? undefined : text;
}

function writeApplication(xml: XmlWriter, application: ApplicationReport): void {
  xml.start('application');
  xml.optional('name', application.name);
  xml.optional('display_name', application.displayName);
  if (application.epoch !== undefined && application.epoch !== 0) {
    xml.element('epoch', String(application.epoch));
  }
  xml.optional('version', application.version);
  xml.optional('release', application.release);
  xml.optional('arch', application.arch);
  xml.optional('install_path', application.installPath);
  xml.optional('publisher', application.publisher);
  xml.optional('url', application.url);
  xml.optional('source_package', application.sourcePackage);
  xml.optional('summary', application.summary);
  xml.optional('description', application.description);
  xml.end();
}

function writeSystem(xml: XmlWriter, system: SystemReport): void {
  xml.start('operatingsystem');
  xml.element('root', system.root);
  xml.optional('name', known(system.name));
  xml.optional('arch', known(system.arch));
  xml.optional('distro', known(system.distro));
  xml.optional('product_name', known(system.productName));
  xml.optional('product_variant', known(system.productVariant));
  if (system.majorVersion !== undefined) xml.element('major_version', String(system.majorVersion));
  if (system.minorVersion !== undefined) xml.element('minor_version', String(system.minorVersion));
  xml.optional('package_format', known(system.packageFormat));
  xml.optional('package_management', known(system.packageManagement));
  xml.optional('windows_systemroot', system.windowsSystemroot);
  xml.optional('windows_current_control_set', system.windowsCurrentControlSet);
  if (system.windowsGroupPolicy === true) xml.element('group_policy', '');
  xml.optional('hostname', known(system.hostname));
  xml.optional('build_id', known(system.buildId));
  xml.optional('osinfo', known(system.osinfo));
  xml.start('mountpoints');
  for (const [mountpoint, device] of system.mountpoints) {
    xml.element('mountpoint', mountpoint, ['dev', device]);
  }
  xml.end();
  xml.start('filesystems');
  for (const { device, type, label, uuid } of system.filesystems) {
    xml.start('filesystem', ['dev', device]);
    xml.optional('type', type);
    xml.optional('label', label);
    xml.optional('uuid', uuid);
    xml.end();
  }
  xml.end();
  if (system.driveMappings !== undefined && system.driveMappings.length > 0) {
    xml.start('drive_mappings');
    for (const [name, device] of system.driveMappings) xml.element('drive_mapping', device, ['name', name]);
    xml.end();
  }
  if (system.applications !== undefined) {
    xml.start('applications');
    for (const application of system.applications) writeApplication(xml, application);
    xml.end();
  }
  if (system.icon !== undefined && system.icon.length > 0) xml.base64('icon', system.icon);
  xml.end();
}

/** The whole document, with a newline at its end. Mount points are printed in the order they are given. */
export function inspectionXml(systems: readonly SystemReport[]): string {
  const xml = new XmlWriter();
  xml.start('operatingsystems');
  for (const system of systems) writeSystem(xml, system);
  xml.end();
  return `${xml.lines.join('\n')}\n`;
}
