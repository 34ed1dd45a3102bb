# The same as client.mjs with the library of libguestfs: client.pl DISK FILE. Its environment names the appliance.
use strict;
use warnings;
use Sys::Guestfs;
use Time::HiRes qw(time);

my ($disk, $file) = @ARGV;
my $g = Sys::Guestfs->new();
$g->add_drive_opts($disk, format => "raw", cachemode => "unsafe");
$g->launch();
my $qemu = $g->get_pid();

sub processor_time {
  open my $stat, "<", "/proc/$qemu/stat" or die;
  my $line = <$stat>;
  $line =~ s/^.*\) //;
  my @fields = split / /, $line;
  my ($user, $system) = times;
  return ($fields[11] + $fields[12]) * 10 + ($user + $system) * 1000;
}

my @times;
sub timed {
  my ($name, $count, $run) = @_;
  my $started = time;
  my $before = processor_time();
  $run->();
  my $wall = (time - $started) * 1000 / $count;
  my $processor = (processor_time() - $before) / $count;
  push @times, "\"$name\":[$wall,$processor]";
}
sub ping { $g->ping_daemon() for 1 .. $_[0] }

timed("ping, first 50", 50, sub { ping(50) });
ping(1000);
timed("ping, warm", 1000, sub { ping(1000) });
$g->mkfs("ext4", "/dev/sda");
$g->mount("/dev/sda", "/");
timed("upload", 1, sub { $g->upload($file, "/file") });
timed("download", 1, sub { $g->download("/file", "/dev/null") });
print "{\"times\":{", join(",", @times), "}}\n";
$g->shutdown();
