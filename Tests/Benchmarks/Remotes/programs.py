"""What each program is told: for each remote, the servers of Tests/Servers and who talks to them."""
import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Callable
from urllib.parse import quote

from delay import DelayedLine


def environment(more):
    """What a program finds in its environment: nobody's settings, and no proxy between this machine and itself."""
    kept = {key: value for key, value in os.environ.items()
            if not key.lower().endswith('_proxy') and not key.startswith(('AWS_', 'RCLONE_', 'QSTORE_'))}
    return {**kept, **more}


@dataclass
class Command:
    """A program that is run to its end."""
    arguments: list
    environment: dict = field(default_factory=dict)
    #: What it reads.
    input: str = ''


@dataclass
class Program:
    """One side of the comparison: how it uploads a directory's files to a place, and downloads a place's to a directory."""
    name: str
    upload: Callable
    download: Callable


@dataclass
class Remote:
    """A server, and who talks to it."""
    name: str
    programs: list
    rclone: 'Rclone'
    #: Where the server keeps its files, if that is a directory.
    directory: str = None

    def clear(self, place):
        """Removes what was uploaded to a place; what a program didn't bring isn't there to be removed."""
        if self.directory:
            shutil.rmtree(os.path.join(self.directory, place), ignore_errors=True)
        else:
            self.rclone.run('purge', place, check=False)


class Rclone:
    """rclone, told everything in its environment."""

    def __init__(self, kind, root, settings, tasks):
        self.root, self.tasks = f':{kind}:{root}', tasks
        self.environment = {f'RCLONE_{kind.upper()}_{key}': str(value) for key, value in settings.items()}
        self.environment['RCLONE_CONFIG'] = '/dev/null'

    def run(self, verb, place, check=True):
        """Has it do what isn't measured."""
        subprocess.run(['rclone', verb, self.root + place], env=environment(self.environment), check=check,
                       stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL)

    @property
    def program(self):
        def copy(source, target):
            return Command(['rclone', 'copy', source, target, '--transfers', self.tasks, '--checkers', self.tasks,
                            '--log-level', 'ERROR'], self.environment)
        return Program('rclone', lambda directory, place: copy(directory, self.root + place),
                       lambda place, directory: copy(self.root + place, directory))


def qstore(options, address, environment):
    """Ours; the address is made of a place."""
    def remote(direction, place, directory):
        return Command([options.bench, 'remote', direction, address(place), directory, '--tasks', options.tasks], environment)
    return Program('qstore', lambda directory, place: remote('upload', place, directory),
                   lambda place, directory: remote('download', place, directory))


def delayed(port, options):
    """The port to speak to instead of a server's, if the line to it is to take time."""
    return DelayedLine(int(port), options.delay / 1000).port if options.delay else port


def s3(name, facts, options, scratch):
    endpoint, region = facts['s3Endpoint'], facts['s3Region']
    key, secret = facts['s3AccessKeyID'], facts['s3SecretAccessKey']
    host, port = endpoint.rstrip('/').rsplit(':', 1)
    endpoint = f'{host}:{delayed(port, options)}'
    rclone = Rclone('s3', 'bench/', dict(PROVIDER='Other', ENDPOINT=endpoint, REGION=region, ACCESS_KEY_ID=key,
                                         SECRET_ACCESS_KEY=secret, FORCE_PATH_STYLE='true'), options.tasks)
    rclone.run('mkdir', '')
    config = scratch / 'aws-config'
    config.write_text(f'[default]\ns3 =\n  addressing_style = path\n  max_concurrent_requests = {options.tasks}\n')

    def copy(source, target):
        return Command([options.aws, 's3', 'cp', '--recursive', '--only-show-errors', '--endpoint-url', endpoint, source,
                        target],
                       dict(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret, AWS_DEFAULT_REGION=region,
                            AWS_CONFIG_FILE=str(config), AWS_SHARED_CREDENTIALS_FILE='/dev/null',
                            AWS_EC2_METADATA_DISABLED='true'))
    return Remote(name, [
        qstore(options, lambda place: f's3://bench/{place}?region={region}&endpoint={quote(endpoint, safe="")}&addressing=path',
               dict(QSTORE_BENCH_ACCESS_KEY_ID=key, QSTORE_BENCH_SECRET_ACCESS_KEY=secret)),
        rclone.program,
        Program('aws', lambda directory, place: copy(directory, f's3://bench/{place}'),
                lambda place, directory: copy(f's3://bench/{place}', directory)),
    ], rclone)


def sftp(name, facts, options, scratch):
    user, port, root = facts['user'], facts['port'], facts['directory']
    key, known_hosts = facts['key'], facts['knownHosts']
    if options.delay:
        known, line = pathlib.Path(known_hosts).read_text(), delayed(port, options)
        known_hosts = scratch / 'known-hosts'
        known_hosts.write_text(known.replace(f'[127.0.0.1]:{port}', f'[127.0.0.1]:{line}'))
        port = line
    # The user's shell would be started for each file to compute a checksum, which the others don't ask for either.
    rclone = Rclone('sftp', f'{root}/', dict(HOST='127.0.0.1', PORT=port, USER=user, KEY_FILE=key, SHELL_TYPE='unix',
                                             DISABLE_HASHCHECK='true'), options.tasks)

    def batch(*commands):
        return Command(['sftp', '-q', '-b', '-', '-F', 'none', '-P', port, '-i', key, '-o', f'UserKnownHostsFile={known_hosts}',
                        '-o', 'IdentitiesOnly=yes', f'{user}@127.0.0.1'], input='\n'.join([*commands, '']))
    return Remote(name, [
        qstore(options, lambda place: f'sftp://{user}@127.0.0.1:{port}{root}/{place}?key={quote(key)}'
               f'&knownHosts={quote(str(known_hosts))}&agent=none&sshConfig=none', {}),
        rclone.program,
        Program('sftp', lambda directory, place: batch(f'mkdir {root}/{place}', f'lcd {directory}', f'cd {root}/{place}',
                                                       'put *'),
                lambda place, directory: batch(f'lcd {directory}', f'cd {root}/{place}', 'get *')),
    ], rclone, root)


def ftp(name, facts, options, scratch):
    user, password, port = facts['user'], facts['password'], facts['port']
    # rclone takes passwords in a form of its own.
    obscured = subprocess.run(['rclone', 'obscure', '-'], input=password, capture_output=True, text=True, check=True)
    rclone = Rclone('ftp', '', dict(HOST='127.0.0.1', PORT=port, USER=user, PASS=obscured.stdout.strip()), options.tasks)
    # Where it reads a file in several parts at once, it takes the server's word that one was broken off for a failure.
    rclone.environment['RCLONE_MULTI_THREAD_STREAMS'] = '0'
    return Remote(name, [
        qstore(options, lambda place: f'ftp://{user}@127.0.0.1:{port}/{place}?connections={options.tasks}',
               dict(QSTORE_BENCH_PASSWORD=password)),
        rclone.program,
    ], rclone, facts['directory'])


def swift(name, facts, options, scratch):
    auth, user, password = facts['auth'], facts['user'], facts['password']
    rclone = Rclone('swift', 'bench/', dict(AUTH=auth, USER=user, KEY=password), options.tasks)
    rclone.run('mkdir', '')
    return Remote(name, [
        qstore(options, lambda place: f'swift://bench/{place}?auth={quote(auth, safe="")}&user={quote(user)}',
               dict(QSTORE_BENCH_PASSWORD=password)),
        rclone.program,
    ], rclone)


#: By name: the script of Tests/Servers, and who talks to it.
REMOTES = {
    's3-moto': ('moto', s3),
    's3-swift': ('openstack-swift', s3),
    'sftp': ('sftp', sftp),
    'ftp': ('ftp', ftp),
    'swift': ('openstack-swift', swift),
}


def versions(options):
    """What the programs say of themselves."""
    said = {}
    for program, command in (('rclone', ['rclone', 'version']), ('aws', [options.aws, '--version']), ('ssh', ['ssh', '-V'])):
        result = subprocess.run(command, capture_output=True, text=True)
        said[program] = (result.stdout + result.stderr).split('\n')[0]
    return said
