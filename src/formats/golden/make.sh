#!/bin/bash
# Makes the package databases of this folder with the real tools: rpm and rpmbuild (rpm 4.18), db_load (Berkeley DB
# 5.3), python3 with sqlite3. Debian's rpm cannot write ndb: RPM_NDB names an rpm built with --enable-ndb.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rpm_ndb=${RPM_NDB:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# name, epoch, version, release, architecture, vendor, number of files
package() {
  mkdir -p specs
  {
    echo "Name: $1"
    if [ -n "$2" ]; then echo "Epoch: $2"; fi
    printf 'Version: %s\nRelease: %s\nLicense: MIT\n' "$3" "$4"
    echo "Summary: Summary of $1"
    echo "Summary(de): Zusammenfassung von $1"
    if [ "$5" = noarch ]; then echo 'BuildArch: noarch'; fi
    if [ -n "$6" ]; then printf 'Vendor: %s\nURL: https://%s.example/\n' "$6" "$1"; fi
    printf '%%description\nDescription of %s\n in two lines, with \303\274mlaut.\n' "$1"
    printf '%%description -l de\nBeschreibung\n'
    echo '%install'
    echo "mkdir -p %{buildroot}/opt/$1"
    echo "for i in \$(seq 1 $7); do echo \$i > %{buildroot}/opt/$1/a-rather-long-file-name-number-\$i; done"
    printf '%%files\n/opt/%s\n' "$1"
  } > "specs/$1.spec"
  SOURCE_DATE_EPOCH=1700000000 rpmbuild -bb --quiet \
    --define "_topdir $work/top" --define "_rpmdir $work/rpms" --define '_build_id_links none' \
    --define 'debug_package %{nil}' --define '_buildhost golden.example' "specs/$1.spec" > /dev/null
}
package alpha '' 1.0 1.fc38 noarch 'Some Vendor' 2
package beta 2 2.5.1 3.el9 x86_64 'Red Hat, Inc.' 150
package gamma '' 7 1 x86_64 '' 900
for i in $(seq 1 12); do package "filler$i" '' "1.$i" 1 noarch V 3; done

# backend, rpm program
database() {
  mkdir -p "$1"
  "$2" --root "$work/$1" --dbpath /rpm --define "_db_backend $1" --initdb
  find rpms -name '*.rpm' | sort | xargs "$2" --root "$work/$1" --dbpath /rpm --define "_db_backend $1" \
    -i --justdb --nodeps --noscripts --ignorearch --nosignature --nodigest 2> /dev/null
}
database sqlite rpm
format='%{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%|VENDOR?{%{VENDOR}}|\t%|URL?{%{URL}}|\t%{SOURCERPM}\t%{SUMMARY}\n'
rpm --root "$work/sqlite" --dbpath /rpm --define '_db_backend sqlite' -qa --qf "$format" 2> /dev/null |
  LC_ALL=C sort > "$here/packages.tsv"
gzip -9nc sqlite/rpm/rpmdb.sqlite > "$here/rpmdb.sqlite.gz"
if [ -n "$rpm_ndb" ]; then
  database ndb "$rpm_ndb"
  gzip -9nc ndb/rpm/Packages.db > "$here/Packages.db.gz"
fi

# Berkeley DB from the same headers; key 0 keeps the next number, as rpm has it. Then a database whose last changes
# are in the write-ahead log only, for the same rpmdb.sqlite: alpha erased, filler1 moved to number 1000, and a transaction that never ended.
python3 - "$work" <<'PY'
import shutil, sqlite3, struct, subprocess, sys
work = sys.argv[1]
source = f'{work}/sqlite/rpm/rpmdb.sqlite'
rows = sqlite3.connect(source).execute('select hnum, blob from Packages').fetchall()
for name, order, pack in (('Packages', 1234, '<I'), ('Packages.big-endian', 4321, '>I')):
    text = 'VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n'
    pairs = [(struct.pack(pack, 0), struct.pack(pack, max(r[0] for r in rows)))]
    pairs += [(struct.pack(pack, number), blob) for number, blob in rows]
    text += ''.join(f' {key.hex()}\n {value.hex()}\n' for key, value in pairs) + 'DATA=END\n'
    subprocess.run(['db_load', '-t', 'hash', '-c', 'db_pagesize=4096', '-c', f'db_lorder={order}', f'{work}/{name}'],
                   input=text.encode(), check=True)
shutil.copy(source, f'{work}/logged.sqlite')
db = sqlite3.connect(f'{work}/logged.sqlite', isolation_level=None)
db.execute('pragma journal_mode=wal')
db.execute('pragma wal_autocheckpoint=0')
number = {}
for hnum, blob in rows:
    for name in (b'alpha', b'filler1'):
        if b'\0' + name + b'\0' in blob or b'C\0' + name + b'\0' in blob:
            number[name] = hnum
db.execute('delete from Packages where hnum = ?', (number[b'alpha'],))
db.execute('update Packages set hnum = 1000 where hnum = ?', (number[b'filler1'],))
db.execute('pragma cache_size=1')
db.execute('begin')
db.execute('delete from Packages where hnum <> 1000')
for i in range(50):
    db.execute('insert into Packages values (?, ?)', (2000 + i, bytes(3000)))
for suffix in ('', '-wal'):
    shutil.copy(f'{work}/logged.sqlite{suffix}', f'{work}/copied.sqlite{suffix}')
PY
gzip -9nc Packages > "$here/Packages.gz"
gzip -9nc Packages.big-endian > "$here/Packages.big-endian.gz"
gzip -9nc copied.sqlite-wal > "$here/logged.sqlite-wal.gz"
