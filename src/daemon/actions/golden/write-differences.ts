const MOUNTED = 'what a mounted filesystem is on is not written over behind its back';
const HALF = 'stock leaves what it had made when it failed';
const FORGIVING = 'what cannot be done is an error, stock does something else or nothing and says nothing';
const CODE = 'both fail; the code here says what is wrong';
const SUID = 'stock sets the owner last, which takes away the set-user-ID bit that was to be copied';
const CAN = 'works here';

/** Commands of write-questions.txt whose outcome is not that of the stock 1.48.6, and why. */
export const stockDifferences: Readonly<Record<string, string>> = {
  'mkfs nosuch /dev/sdf': CODE,
  'mkdir-p /todir': 'a link to a directory is a directory, as for mkdir(1)',
  'exists /fc': HALF,
  'exists /up2': HALF,
  'fill-dir /d -1': FORGIVING,
  'set-e2generation /mnt/f -1': FORGIVING,
  'cp /w5 /newdir/': CODE,
  'lstatns /c1': SUID,
  'lstatns /d': SUID,
  'ln-f /lost /lost': CODE,
  'exists /lost': 'stock removes a file that is to be linked to itself',
  'exists /h1': 'stock removes the name first and then finds that there is nothing to link it to',
  'ln-f /w6 /d': CODE,
  'setxattr user.a value 50 /w5': 'stock reads 45 bytes behind the value and stores them',
  'tar-in IN/cut.tar /ar': 'an archive that ends early is not all there',
  'mktemp /tmpXXXXXX suffix:/x': CODE,
  'set-label /dev/sdb mounted': MOUNTED,
  'resize2fs /dev/sdb': MOUNTED,
  'ls /fat': 'the case of a name can be changed',
  'fstrim /ro': 'nothing is discarded below a filesystem that is mounted read-only',
  'set-uuid /dev/sda 12345678-1234-1234-1234-123456789abc': `${CAN}: the seed of the checksums is kept`,
  'set-uuid-random /dev/sda': CAN,
  'set-e2uuid /dev/sda 12345678-1234-1234-1234-123456789abc': CAN,
  'vfs-uuid /dev/sda': 'stock could not set it',
  'get-e2uuid /dev/sda': 'stock could not set it',
  'fsck nosuch /dev/sda': FORGIVING,
  'e2fsck /dev/sda': `${CAN}: what is safe is corrected without asking`,
  'mke2fs /dev/sdb label:longerthansixteencharacters': FORGIVING,
  'wipefs /dev/sdb': MOUNTED,
  'pwrite-device /dev/sdb x 0': MOUNTED,
  'fsck ext2 /dev/sdb': MOUNTED,
  'part-disk /dev/sdb mbr': MOUNTED,
  'zero /dev/sdb': CODE,
  'part-set-mbr-id /dev/sdd 1 256': FORGIVING,
  'part-set-mbr-id /dev/sdd 1 -1': FORGIVING,
  'part-resize /dev/sdd 2 6000': `${CAN}: making a partition smaller is what was asked for`,
  'part-set-name /dev/sdd 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa': FORGIVING,
  'part-get-name /dev/sdd 1': 'stock cuts long names, and keeps the name where an empty one is set',
  'part-get-name /dev/sdd 2': 'stock keeps the first word only',
  'part-set-gpt-guid /dev/sdd 9 01234567-89AB-CDEF-0123-456789ABCDEF': FORGIVING,
  'part-set-gpt-attributes /dev/sdd 9 5': FORGIVING,
  'part-get-mbr-id /dev/sdd 1': 'stock takes the beginning of a GUID for an id',
  'pvremove /dev/sde': FORGIVING,
};
