"""What the scripts of this folder share.

A script starts one real server on free loopback ports, in a directory of its own, and says on standard output, in one
line of JSON, where it listens and who may log in. It then obeys the lines of its standard input, each answered by a line:

    stop     the server ends                 pause    the server stands still
    start    it comes back, on its ports     resume   and goes on
    kill     it dies at once                 quit     everything ends (so does the end of the input)

A server with a small file system also obeys `fill N`, which leaves N MiB free on it, and `make-room`, which undoes that.

Nothing that was started outlives the script, however it ends.
"""
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIBC = ctypes.CDLL(None, use_errno=True)
ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / '.build' / 'servers-venv'
CLAIMS = []
# Of unshare(2) and mount(2).
CLONE_NEWNS, CLONE_NEWUSER, MS_REC, MS_SLAVE = 0x20000, 0x10000000, 0x4000, 0x80000
# How long a server may take to do what it is told, in seconds: a test says then which one doesn't, and nothing hangs.
LIMIT = 240


def require_venv():
    """Runs the script again with the Python that has what requirements.txt names, unless it is this one."""
    python = VENV / 'bin' / 'python'
    if pathlib.Path(sys.prefix) == VENV:
        return
    if not python.exists():
        sys.exit(f'{python} is missing: make it with .ci/python-packages test')
    os.execv(python, [str(python), *sys.argv])


def claimed(port):
    """What keeps a port from other scripts as long as this one has it; nothing if somebody has the port."""
    claim = socket.socket(socket.AF_UNIX)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # A name without a file, which ends with the process that has it.
            claim.bind(f'\0qstore-test-port-{port}')
            probe.bind(('127.0.0.1', port))
        except OSError:
            claim.close()
            return None
    return claim


def free_ports(count):
    """Ports that nobody listens on, and that no other script takes as long as this one runs.

    They lie below those that the kernel gives to whoever connects: such a connection could have one by the time that the
    server wants it.
    """
    ports = []
    while len(ports) < count:
        ports += free_range(1)
    return ports


def free_range(count):
    """Such ports, one after the other."""
    while True:
        first = random.randrange(10_000, 32_000 - count)
        claims = []
        for port in range(first, first + count):
            claim = claimed(port)
            if not claim:
                break
            claims.append(claim)
        if len(claims) == count:
            CLAIMS.extend(claims)
            return list(range(first, first + count))
        for claim in claims:
            claim.close()


def call(function, *arguments):
    """Calls a function of the C library, and raises its error."""
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), function.__name__)


def take_own_mounts():
    """Gives this process, and all that it starts, mounts that nobody else sees and that end with them.

    Without privileges that takes a user namespace, too, in which users are who they were.
    Source: mount_namespaces(7), user_namespaces(7).
    """
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        call(LIBC.unshare, CLONE_NEWNS)
    else:
        call(LIBC.unshare, CLONE_NEWUSER | CLONE_NEWNS)
        for name, text in ('setgroups', 'deny'), ('uid_map', f'{uid} {uid} 1'), ('gid_map', f'{gid} {gid} 1'):
            with open(f'/proc/self/{name}', 'w') as file:
                file.write(text)
    # In a root directory of its own, where / is no mount, nothing is handed on to others anyway.
    LIBC.mount(None, b'/', None, MS_REC | MS_SLAVE, None)


class Server:
    """A server that a script starts. Scripts override `prepare` and `launch`, and `is_ready` if a port isn't enough."""

    #: Programs that must be there, and the Debian packages that bring them.
    programs = {}
    #: Whether the server's files belong to `nobody` where the script runs as root.
    runs_as_nobody = False

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix='qstore-', dir='/tmp')
        os.chmod(self.directory, 0o755)
        self.children = []
        self.rooms = []

    def path(self, *parts):
        """A path in the server's directory."""
        return os.path.join(self.directory, *parts)

    def write(self, name, text, mode=0o644):
        """Writes a file below the server's directory, and returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def run(self, *args, **options):
        """Runs a program to its end."""
        result = subprocess.run([str(a) for a in args], capture_output=True, text=True, **options)
        if result.returncode != 0:
            raise RuntimeError(f'{args[0]} failed: {result.stdout}{result.stderr}')
        return result.stdout

    def give_to_nobody(self):
        """Hands the directory to the server's user."""
        if os.getuid() == 0:
            self.run('chown', '-R', 'nobody:nogroup', self.directory)

    def spawn(self, *args, log='log', user=None, **options):
        """Starts a program that ends with this script, in a process group of its own."""
        if user is None and self.runs_as_nobody and os.getuid() == 0:
            user = 'nobody'
        if user and os.getuid() == 0:
            import pwd
            options.update(user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[])
        log_file = open(self.path(log), 'ab')

        def prepare_child():
            LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

        child = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file,
                                 start_new_session=True, preexec_fn=prepare_child, **options)
        log_file.close()
        self.children.append(child)
        return child

    def wait_until(self, condition, what, seconds=60):
        """Waits until something holds; fails if a child dies, or it takes too long."""
        deadline = time.monotonic() + seconds
        while not condition():
            for child in self.children:
                if child.poll() is not None:
                    raise RuntimeError(f'{child.args[0]} ended with {child.returncode}: {self.log_tail()}')
            if time.monotonic() > deadline:
                raise RuntimeError(f'{what} is not ready after {seconds} s: {self.log_tail()}')
            time.sleep(0.02)

    def wait_for_port(self, port, seconds=60):
        """Waits until somebody listens on a port."""
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(('127.0.0.1', port)) == 0
        self.wait_until(listens, f'port {port}', seconds)

    def log_tail(self):
        """The end of what the server said."""
        tails = []
        for name in sorted(os.listdir(self.directory)):
            if name.endswith('log') and os.path.isfile(self.path(name)):
                with open(self.path(name), errors='replace') as file:
                    tails.append(f'{name}: …' + file.read()[-1500:])
        return '\n'.join(tails)

    def little_room(self, name, size, mode=0o777):
        """A directory with a file system of its own, of so many MiB, which only the server sees."""
        if not self.rooms:
            take_own_mounts()
        path = self.path(name)
        os.makedirs(path)
        call(LIBC.mount, b'none', path.encode(), b'tmpfs', 0, f'size={size}m'.encode())
        os.chmod(path, mode)
        self.rooms.append(path)
        return path

    def fill(self, rest):
        """Leaves so many MiB free in the little rooms."""
        for room in self.rooms:
            free = os.statvfs(room)
            with open(os.path.join(room, 'filler'), 'wb') as file:
                for _ in range(free.f_bavail * free.f_bsize // 65536 - rest * 16):
                    file.write(bytes(65536))

    def make_room(self):
        for room in self.rooms:
            os.remove(os.path.join(room, 'filler'))

    def certificate(self, *hosts, name='server'):
        """Makes a certificate that signs itself, and returns the paths of it and of its key."""
        certificate, key = self.path(f'{name}.pem'), self.path(f'{name}.key')
        hosts = hosts or ('127.0.0.1',)
        names = [('IP:' if host.replace('.', '').isdigit() else 'DNS:') + host for host in hosts]
        self.run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', f'/CN={hosts[0]}',
                 '-addext', f'subjectAltName={",".join(names)}', '-keyout', key, '-out', certificate)
        return certificate, key

    def prepare(self):
        """Writes the configuration, and returns what clients must know."""
        raise NotImplementedError

    def launch(self):
        """Starts the server, and returns when it serves."""
        raise NotImplementedError

    def send(self, number):
        for child in self.children:
            if child.poll() is None:
                try:
                    os.killpg(child.pid, number)
                except ProcessLookupError:
                    pass

    def own_processes(self):
        """The identifiers of the server's processes: those of its groups, and its children with a group of their own."""
        own = {child.pid for child in self.children}
        for process in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{process}/stat') as file:
                    parent, group = map(int, file.read().rsplit(')', 1)[1].split()[1:3])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent in own or group in own:
                yield int(process)

    def stands_still(self):
        """Whether no thread of the server runs any more; a signal to stop takes its time to reach them."""
        for process in self.own_processes():
            try:
                for thread in os.listdir(f'/proc/{process}/task'):
                    with open(f'/proc/{process}/task/{thread}/stat') as file:
                        if file.read().rsplit(')', 1)[1].split()[0] not in 'TtZX':
                            return False
            except (FileNotFoundError, ProcessLookupError):
                pass
        return True

    def stop(self, number=signal.SIGTERM):
        """Ends the server: by a signal, and by SIGKILL if that takes more than ten seconds."""
        self.send(number)
        self.send(signal.SIGCONT)
        deadline = time.monotonic() + 10
        for child in reversed(self.children):
            try:
                child.wait(max(0.01, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
        self.send(signal.SIGKILL)
        for child in self.children:
            child.wait()
        self.children = []

    def obey(self, line):
        if line == 'stop':
            self.stop()
        elif line == 'kill':
            self.stop(signal.SIGKILL)
        elif line == 'start':
            self.launch()
        elif line == 'pause':
            self.send(signal.SIGSTOP)
            self.wait_until(self.stands_still, 'standing still')
        elif line == 'resume':
            self.send(signal.SIGCONT)
        elif line.startswith('fill '):
            self.fill(int(line.split()[1]))
        elif line == 'make-room':
            self.make_room()
        else:
            raise RuntimeError(f'"{line}" is no command')


def too_long(*_):
    raise RuntimeError(f'not done after {LIMIT} s')


def main(kind):
    """Runs a server until standard input ends."""
    LIBC.prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: what daemons leave behind comes to us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGALRM, too_long)
    os.setpgid(0, 0) if os.getpgid(0) != os.getpid() and os.getsid(0) != os.getpid() else None
    missing = {package for program, package in kind.programs.items() if not shutil.which(program)}
    if missing:
        sys.exit(f'{sys.argv[0]} needs the Debian packages {" ".join(sorted(missing))}')
    server = kind()
    try:
        signal.alarm(LIMIT)
        facts = server.prepare()
        server.launch()
        signal.alarm(0)
        print(json.dumps({key: str(value) for key, value in facts.items()}), flush=True)
        for line in sys.stdin:
            line = line.strip()
            if line == 'quit':
                break
            try:
                signal.alarm(LIMIT)
                server.obey(line)
                signal.alarm(0)
                print('done', flush=True)
            except Exception as error:
                signal.alarm(0)
                print('failed: ' + ' '.join(str(error).split()), flush=True)
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        server.stop(signal.SIGKILL)
        for room in server.rooms:
            LIBC.umount2(room.encode(), 2)  # MNT_DETACH
        shutil.rmtree(server.directory, ignore_errors=True)
