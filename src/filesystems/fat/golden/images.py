#!/usr/bin/env python3
"""Makes FAT images with mkfs.fat and mtools, then adds by hand what those do not make. usage: images.py FOLDER"""
import os, shutil, struct, subprocess, sys
out=sys.argv[1]; os.makedirs(out,exist_ok=True); os.chdir(out)
env=dict(os.environ, MTOOLS_SKIP_CHECK='1', TZ='UTC', LC_ALL='C.UTF-8', PATH=os.environ['PATH']+':/usr/sbin')
def run(*a, **k): subprocess.run(a,check=True,env=env,stdout=subprocess.DEVNULL,**k)
def content(n,seed):
    # Compresses well, and no two places of it are alike.
    return b''.join(b'%d:%08d\n'%(seed,i) for i in range(n//9+1))[:n]
os.makedirs('src',exist_ok=True)
def src(name,data,t=1500000001):
    p=os.path.join('src',name); open(p,'wb').write(data); os.utime(p,(t,t)); return p
def put(img,dest,data,t=1500000001,i=[0]):
    i[0]+=1; p=src('f%d'%i[0],data,t); run('mcopy','-m','-i',img,p,'::'+dest)
def lfn(name, short, attr, cluster, size, lcase=0, ctime=(0x4a21,0x6c2d,0x55), adate=0x4b33, mtime=(0x4c42,0x7b7d), order=None, badsum=False, raw=None):
    units=list(struct.unpack('<%dH'%(len(name.encode('utf-16le'))//2), name.encode('utf-16le'))) if raw is None else raw
    s=0
    for c in short: s=((s&1)<<7)+(s>>1)+c & 0xff
    if badsum: s^=0x55
    ents=[]
    if units is not None and len(units):
        u=units+([0] if len(units)%13 else [])
        while len(u)%13: u.append(0xffff)
        n=len(u)//13
        for k in range(n,0,-1):
            c=u[(k-1)*13:k*13]; o=k|(0x40 if k==n else 0)
            ents.append(struct.pack('<B5HBBB6HH2H',o,*c[:5],15,0,s,*c[5:11],0,*c[11:13]))
        if order: ents=order(ents)
    ents.append(struct.pack('<11sBBBHHHHHHHI',short,attr,lcase,ctime[2],ctime[1],ctime[0],adate,cluster>>16,mtime[1],mtime[0],cluster&0xffff,size))
    return b''.join(ents)
def common(img):
    run('mmd','-i',img,'::/sub','::/sub/Deeper Directory','::/EMPTY')
    put(img,'/README.TXT',b'readme\n')
    put(img,'/lower.txt',b'lower case\n',1400000000)
    put(img,'/MiXeD.TxT',b'mixed\n')
    put(img,'/a long file name with spaces.text',content(3000,1))
    put(img,'/sub/ünïcödé – 日本語 😀.txt',b'unicode\n')
    put(img,'/sub/Deeper Directory/'+'x'*200+'.dat',content(70000,2))
    put(img,'/empty.file',b'')
    put(img,'/old.txt',b'1980\n',315532800+86400*40)
    put(img,'/new.txt',b'2100\n',4102444800+86400*100)
    put(img,'/exact',content(4096,3))
    put(img,'/ro.txt',b'ro\n'); run('mattrib','-i',img,'+r','::/ro.txt')
    put(img,'/hidsys.txt',b'hs\n'); run('mattrib','-i',img,'+h','+s','::/hidsys.txt')
    run('mmd','-i',img,'::/rodir'); run('mattrib','-i',img,'+r','::/rodir')
    # fragmented: interleave, then delete one half
    for k in range(12): put(img,'/frag%d'%k,content(9000,100+k))
    for k in range(0,12,2): run('mdel','-i',img,'::/frag%d'%k)
    put(img,'/big.bin',content(50000,4))
    run('mmd','-i',img,'::/many')
    d='manysrc'; os.makedirs(d,exist_ok=True)
    for k in range(120):
        p='%s/File number %d.txt'%(d,k); open(p,'w').write('%d\n'%k); os.utime(p,(1500000001,1500000001))
    run('mcopy','-m','-i',img,*['%s/File number %d.txt'%(d,k) for k in range(120)],'::/many/')
def mk(name,size,*args):
    if os.path.exists(name): os.remove(name)
    open(name,'wb').truncate(size); run('mkfs.fat','-i','12345678',*args,name)
mk('fat12.img',1474560,'-F','12','-n','VOL12'); common('fat12.img')
mk('fat16.img',4<<20,'-F','16','-n','VOL16','-s','1'); common('fat16.img')
mk('fat32.img',40<<20,'-F','32','-n','VOL32','-s','1'); common('fat32.img')
mk('fat32-4k.img',280<<20,'-F','32','-S','4096','-s','1'); common('fat32-4k.img')
# by hand: odd entries in the root of a FAT16
mk('odd.img',8<<20,'-F','16','-n','ODD','-s','2'); run('mmd','-i','odd.img','::/DIR')
d=bytearray(open('odd.img','rb').read())
bps,spc,rs,nf,re=struct.unpack('<HBHBH',d[11:19]); fs=struct.unpack('<H',d[22:24])[0]
root=(rs+nf*fs)*bps; data=root+re*32; cl=spc*bps
def setfat(c,v):
    for k in range(nf): struct.pack_into('<H',d,(rs+k*fs)*bps+c*2,v)
def file(c,b): 
    d[data+(c-2)*cl:data+(c-2)*cl+len(b)]=b; setfat(c,0xffff)
E=[]
n=100
def add(b,txt=b''):
    E.append(b)
def f(txt):
    global n
    n+=1; file(n,txt); return n
for lc in (0,8,16,24): t=b'lcase %d\n'%lc; add(lfn('',b'CASE%-2d  TXT'%lc,0x20,f(t),len(t),lcase=lc,raw=[]))
t=b'orphan\n'; add(lfn('orphaned part one two.txt',b'ORPHAN~1TXT',0x20,f(t),len(t),order=lambda e:e[1:]))
t=b'badsum\n'; add(lfn('bad checksum name.txt',b'BADSUM~1TXT',0x20,f(t),len(t),badsum=True))
t=b'swapped\n'; add(lfn('swapped order of the parts of this long name.txt',b'SWAPPE~1TXT',0x20,f(t),len(t),order=lambda e:[e[1],e[0]]+e[2:]))
t=b'twice\n'; e=lfn('first long name, then another.txt',b'TWICE~1 TXT',0x20,0,0)[:-32]; add(e); add(lfn('the second long name.txt',b'TWICE~1 TXT',0x20,f(t),len(t)))
t=b'e5\n'; add(lfn('',b'\x05BCD    E\x05 ',0x20,f(t),len(t),raw=[]))
t=b'cp437\n'; add(lfn('',b'\x80\x9a\x8e\xe1\xb0\xff\xf6 T\x84T',0x20,f(t),len(t),raw=[]))
t=b'cp437lower\n'; add(lfn('',b'A\x9a\x8e\x80B   TXT',0x20,f(t),len(t),lcase=8,raw=[]))
t=b'spaces\n'; add(lfn('',b'A B C   D E',0x20,f(t),len(t),raw=[]))
t=b'noext\n'; add(lfn('',b'NOEXT      ',0x20,f(t),len(t),raw=[]))
t=b'full13\n'; add(lfn('exactly13char',b'EXACTL~1   ',0x20,f(t),len(t)))
t=b'full26\n'; add(lfn('exactly26charsexactly26cha',b'EXACTL~2   ',0x20,f(t),len(t)))
t=b'surr\n'; add(lfn('',b'SURR~1     ',0x20,f(t),len(t),raw=[0x61,0xd83d,0x62,0xde00,0x63]))
t=b'ctrl\n'; add(lfn('',b'CTRL~1     ',0x20,f(t),len(t),raw=[0x61,0x0a,0x62,0x07,0x63]))
t=b'dots\n'; add(lfn('trailing dots...',b'TRAILI~1   ',0x20,f(t),len(t)))
t=b'lead\n'; add(lfn('.leading',b'LEADIN~1   ',0x20,f(t),len(t)))
t=b'zerodate\n'; add(lfn('',b'ZERODATETXT',0x20,f(t),len(t),ctime=(0,0,0),adate=0,mtime=(0,0),raw=[]))
t=b'baddate\n'; add(lfn('',b'BADDATE TXT',0x20,f(t),len(t),ctime=(0xffff,0xffff,255),adate=0xffff,mtime=(0xffff,0xffff),raw=[]))
t=b'leap\n'; add(lfn('',b'LEAP    TXT',0x20,f(t),len(t),ctime=((20<<9)|(2<<5)|29,(23<<11)|(59<<5)|29,199),adate=(120<<9)|(3<<5)|1,mtime=((121<<9)|(2<<5)|28,1),raw=[]))
t=b'attr40\n'; add(lfn('',b'ATTR40  TXT',0x60,f(t),len(t),raw=[]))
add(lfn('',b'VOL2       ',0x28,0,0,raw=[]))
add(lfn('',b'NOCLUST TXT',0x20,0,0,raw=[]))
add(lfn('',b'EMPTYDIR   ',0x10,0,0,raw=[]))
t=b'dup one\n'; add(lfn('',b'DUP     TXT',0x20,f(t),len(t),raw=[]))
t=b'dup two\n'; add(lfn('',b'DUP     TXT',0x20,f(t),len(t),raw=[]))
add(b'\xe5'+lfn('',b'XDELETEDTXT',0x20,0,0,raw=[])[1:])
add(b'\0'*32)
t=b'after end\n'; add(lfn('',b'AFTEREND TX',0x20,f(t),len(t),raw=[]))
b=b''.join(E); d[root+64:root+64+len(b)]=b
open('odd.img','wb').write(d)
for x in ('src','manysrc'):
    shutil.rmtree(x)
