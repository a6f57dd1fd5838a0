#!/usr/bin/env python3
"""Makes s3_signatures.json: requests, and how botocore (PyPI) signs them.

    pip install botocore==1.43.11 && ./s3_signatures.py > s3_signatures.json

The clock stands still and the keys are Amazon's documented examples, so that every run gives the same file.
"""
import datetime
import json
import sys
import urllib.parse

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2024, 2, 29, 13, 5, 9, tzinfo=datetime.timezone.utc)
KEYS = [('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', None),
        ('AKIAI44QH8DHBEXAMPLE', 'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY', 'AQoDYXdzEJr+//=example/token==')]


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)

    @classmethod
    def now(cls, tz=None):
        return NOW.astimezone(tz)


class FrozenModule:
    timedelta, timezone = datetime.timedelta, datetime.timezone
    datetime = Clock


botocore.auth.datetime = FrozenModule
if hasattr(botocore.auth, 'get_current_datetime'):
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW.replace(tzinfo=None) if remove_tzinfo else NOW

NAMES = ['a.txt', 'dir/a b.txt', "quo\"te's.txt", '100%.txt', '%41.txt', 'a+b.txt', 'a#b?c.txt', 'a&b=c;d.txt',
         'new\nline', '-dash', '.dot', '...', 'emoji\U0001F600.png', '\u65e5\u672c\u8a9e.txt', 'e\u0301', '\u00e9',
         'back\\slash', 'colon:star*.txt', '[x]{y}.txt', '~tilde~', '(a)!b', '@,$', 'x' * 255, 'a//b', 'a/./b']
QUERIES = [{}, {'uploads': ''}, {'partNumber': '12', 'uploadId': '2~a+b/c=='},
           {'list-type': '2', 'prefix': 'dir/a b', 'delimiter': '/', 'encoding-type': 'url'},
           {'response-content-disposition': 'attachment; filename="x y.txt"'},
           {'continuation-token': '1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=', 'A': 'z', 'a': 'Z', 'a-b': '~'}]
HEADERS = [{}, {'Content-Type': 'text/plain', 'Content-MD5': 'rL0Y20zC+Fzt72VPzMSk2A=='},
           {'x-amz-meta-Note': '  two   blanks  ', 'x-amz-storage-class': 'STANDARD_IA', 'If-None-Match': '*'},
           {'Range': 'bytes=0-9', 'x-amz-copy-source': '/b/a%20b.txt'}]


def cases():
    hosts = ['https://my-bucket.s3.eu-west-1.amazonaws.com/', 'http://127.0.0.1:9000/my-bucket/',
             'https://storage.example:443/base/my-bucket/', 'http://storage.example/my-bucket/']
    number = 0
    for name in NAMES:
        number += 1
        yield 'PUT', hosts[number % 4], name, {}, HEADERS[number % 4], b'content %d' % number, number
    for query in QUERIES:
        for method in ('GET', 'POST', 'DELETE'):
            number += 1
            yield method, hosts[number % 4], 'a.txt', query, HEADERS[0], b'', number
    for headers in HEADERS:
        number += 1
        yield 'HEAD', hosts[number % 4], 'd/', {}, headers, b'', number


def encoded(query):
    return '&'.join('%s=%s' % (urllib.parse.quote(k, safe='-_.~'), urllib.parse.quote(v, safe='-_.~'))
                    for k, v in query.items())


def main():
    result = []
    for method, base, name, query, headers, body, number in cases():
        access, secret, token = KEYS[number % 2]
        region = ['eu-west-1', 'us-east-1', 'cn-north-1'][number % 3]
        url = base + urllib.parse.quote(name, safe='/-_.~')
        case = dict(id='%s/%03d' % (method, number), method=method, url=url, query=query, headers=headers,
                    body=body.decode(), accessKeyID=access, secretAccessKey=secret, sessionToken=token, region=region,
                    date=NOW.strftime('%Y%m%dT%H%M%SZ'))
        address = url + ('?' + encoded(query) if query else '')

        request = AWSRequest(method=method, url=address, headers=dict(headers), data=body)
        # Over HTTPS botocore leaves the body unsigned; both forms are wanted.
        is_unsigned = number % 5 == 0
        request.context['client_config'] = None
        request.context['payload_signing_enabled'] = not is_unsigned
        auth = botocore.auth.S3SigV4Auth(Credentials(access, secret, token), 's3', region)
        auth._should_sha256_sign_payload = lambda request, signs=not is_unsigned: signs
        auth.add_auth(request)
        case['payloadHash'] = request.headers['X-Amz-Content-SHA256']
        case['authorization'] = request.headers['Authorization']

        request = AWSRequest(method=method, url=address, headers={}, data=b'')
        botocore.auth.S3SigV4QueryAuth(Credentials(access, secret, token), 's3', region, expires=60 * number).add_auth(
            request)
        case['validity'] = 60 * number
        case['presigned'] = request.url
        result.append(case)
    json.dump(dict(madeBy='botocore ' + botocore.__version__, cases=result), sys.stdout, indent=1, ensure_ascii=True)
    print()


main()
