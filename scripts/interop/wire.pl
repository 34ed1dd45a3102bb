# The list of interop-stock.ts from the other end, a library of libguestfs and some daemon: wire.pl DISK FILE BACK. Prints what
# it was answered, and nothing that is another at each run. DISK is raw and blank, FILE is uploaded and comes back as BACK.
use strict;
use warnings;
use Sys::Guestfs;

my ($disk, $file, $back) = @ARGV;
my $g = Sys::Guestfs->new();
$g->add_drive($disk, format => 'raw');
my ($messages, $last, $cancel_after) = (0, 0, undef);
$g->set_event_callback(sub {
  my (undef, undef, undef, $numbers) = @_;
  my (undef, undef, $position, $total) = @$numbers;
  $messages++;
  die "progress of $position after $last\n" if $position < $last && $position > 0;
  $last = $position;
  $g->user_cancel() if defined $cancel_after && $position > $cancel_after;
}, $Sys::Guestfs::EVENT_PROGRESS);

# A value, lists and structs in the order of their keys.
sub shown {
  my ($value) = @_;
  return 'undef' unless defined $value;
  return '[' . join(', ', map { shown($_) } @$value) . ']' if ref $value eq 'ARRAY';
  return '{' . join(', ', map { "$_ " . shown($value->{$_}) } sort keys %$value) . '}' if ref $value eq 'HASH';
  return $value;
}
sub say_of {
  my ($name, @value) = @_;
  print "$name: ", join(' ', map { shown($_) } @value), "\n";
}
# What a call that must fail leaves: its errno, where libguestfs 1.48 keeps it, and that the daemon still answers.
sub fails {
  my ($name, $call, $lost) = @_;
  $last = 0;
  eval { $call->(); 1 } and die "$name did not fail\n";
  my $errno = $g->last_errno();
  $g->ping_daemon();
  print "$name fails", ($lost ? '' : ", errno $errno"), "\n";
}

$g->launch();
say_of('devices', $g->list_devices());
$g->part_init('/dev/sda', 'gpt');
$g->part_add('/dev/sda', 'p', 2048, 5242879);
$g->part_add('/dev/sda', 'p', 5242880, -2048);
say_of('partitions', $g->part_list('/dev/sda'));
$g->pvcreate('/dev/sda2');
$g->vgcreate('group', ['/dev/sda2']);
$g->lvcreate('volume', 'group', 200);
say_of('volumes', $g->lvs());
my ($group) = $g->vgs_full();
say_of('group', map { "$_ $group->{$_}" } qw(vg_name vg_size vg_free vg_extent_size pv_count lv_count));
$g->mkfs('ext4', '/dev/sda1', label => 'data');
$g->mkfs('ext2', '/dev/group/volume', blocksize => 1024);
$g->mount('/dev/sda1', '/');
$g->mkdir('/group');
$g->mount('/dev/group/volume', '/group');
say_of('mounted', sort $g->mounts());
say_of('filesystems', { $g->list_filesystems() });
$g->write('/hello', "a\0b\n");
say_of('file', unpack('H*', $g->read_file('/hello')), $g->filesize('/hello'));
my %stat = $g->statns('/hello');
say_of('stat', map { "$_ $stat{$_}" } qw(st_mode st_nlink st_uid st_gid st_size st_blksize));
$g->mkdir_p("/many/\xff");
$g->touch("/many/$_") for 1 .. 300;
say_of('names', scalar(@{ [$g->ls('/many')] }), map { unpack('H*', $_) } ($g->ls('/many'))[0, 1, -1]);
say_of('entries', scalar(@{ [$g->readdir('/many')] }));
fails('a folder that is there', sub { $g->mkdir('/many') });
fails('a file that is not', sub { $g->cat('/none') });
fails('a folder that is not empty', sub { $g->rmdir('/many') });
$last = 0;
$g->upload($file, '/big');
print 'progress of an upload: ', ($messages > 3 ? 'several' : $messages), " messages\n";
say_of('checksum', $g->checksum('md5', '/big'));
$last = 0;
$g->download('/big', $back);
print "the file comes back whole\n" if system('cmp', $file, $back) == 0;
unlink $back;
fails('an upload into no folder', sub { $g->upload($file, '/no/such') });
fails('an upload that does not fit', sub { $g->upload($file, '/group/big') }, 'lost');
# Our daemon leaves nothing of it.
$g->rm_f('/group/big');
$cancel_after = 50 * 1024 * 1024;
fails('an upload that is cancelled', sub { $g->upload($file, '/cancelled') });
fails('a download that is cancelled', sub { $g->download('/big', '/dev/null') });
$cancel_after = undef;
fails('a download into a device that is full', sub { $g->download('/big', '/dev/full') }, 'lost');
$g->rm_f('/cancelled');
say_of('in the root', $g->ls('/'));
$g->shutdown();
$g->close();
