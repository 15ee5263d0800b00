"""What each target is meant to read, in small, to begin fuzzing from; and what is likely to break a reader."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

_PICTURE: Final = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb0043000101010101010101010101010101010101010101010101010101010101010101"
    "010101010101010101010101010101010101010101010101010101010101010101ffc0000b080001000101011100ffc40014000100000000"
    "00000000000000000000000000ffc40014100100000000000000000000000000000000ffda0008010100003f0037ffd9"
)
_ALERT: Final = (
    b'<?xml version="1.0"?><EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">'
    b"<ipAddress>192.0.2.4</ipAddress><channelID>1</channelID><dateTime>2026-01-02T03:04:05+01:00</dateTime>"
    b"<activePostCount>1</activePostCount><eventType>linedetection</eventType><eventState>active</eventState>"
    b"<DetectionRegionList><DetectionRegionEntry><regionID>1</regionID><detectionTarget>human</detectionTarget>"
    b"</DetectionRegionEntry></DetectionRegionList></EventNotificationAlert>"
)
_OFFER: Final = (
    b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n"
    b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendrecv\r\na=candidate: 1 udp 2122 192.0.2.1 5000 typ host\r\n"
)
_EVENT: Final = (
    b'{"id":"1700000000.5-abc","camera":"yard","label":"person","start_time":1700000000.5,"end_time":null,'
    b'"zones":["gate"],"top_score":0.8,"has_clip":true,"has_snapshot":true,"sub_label":["Ann",0.9],'
    b'"stationary":false,"false_positive":false,"data":{"type":"object","score":0.7,"top_score":0.8}}'
)
_DING: Final = (
    b'{"id":7100000000000000001,"kind":"motion","created_at":"2026-01-02T03:04:05Z","duration":20.5,'
    b'"recording":{"status":"ready"},"cv_properties":{"person_detected":true,"detection_type":"human"}}'
)
_ISSUE: Final = (
    b"https://accounts.google.com/o/oauth2/iframerpc?action=issueToken&response_type=token%20id_token&login_hint=AJx"
    b"&client_id=example.apps.example.com&origin=https%3A%2F%2Fhome.nest.com&scope=openid&ss_domain=https%3A%2F%2Fx"
)
_DEVICE: Final = (
    b"<DeviceInfo><deviceName>Yard</deviceName><model>DS-1</model><serialNumber>DS-1X</serialNumber>"
    b"<macAddress>00:00:5e:00:53:01</macAddress><firmwareVersion>V5.1</firmwareVersion><deviceType>NVR</deviceType>"
    b"</DeviceInfo>"
)
_PROXIES: Final = (
    b"<InputProxyChannelList><InputProxyChannel><id>1</id><name>Gate</name><sourceInputPortDescriptor>"
    b"<proxyProtocol>HIKVISION</proxyProtocol><ipAddress>192.0.2.7</ipAddress></sourceInputPortDescriptor>"
    b"</InputProxyChannel></InputProxyChannelList>"
)
_STREAMS: Final = (
    b"<StreamingChannelList><StreamingChannel><id>101</id><enabled>true</enabled><Video><videoResolutionWidth>1920"
    b"</videoResolutionWidth><videoResolutionHeight>1080</videoResolutionHeight></Video></StreamingChannel>"
    b"</StreamingChannelList>"
)
_TRIGGERS: Final = (
    b"<EventNotification><EventTriggerList><EventTrigger><eventType>IO</eventType><dynInputIOPortID>301"
    b"</dynInputIOPortID><EventTriggerNotificationList><EventTriggerNotification><notificationMethod>center"
    b"</notificationMethod></EventTriggerNotification></EventTriggerNotificationList></EventTrigger>"
    b"</EventTriggerList></EventNotification>"
)

SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "addresses": (
        b"http://user:word@192.0.2.1:8080/stream?password=word&channel=1",
        b"rtsp://camera.example.com/live",
        b"http://http://[2001:db8::1]:80/",
        b"192.0.2.1:8971",
        b"fe80::1%25eth0",
    ),
    "alert-json": (b'{"EventNotificationAlert":{"eventType":"VMD","channelID":1,"eventState":"active"}}',),
    "alert-stream": (
        b"--boundary\r\nContent-Type: application/xml\r\nContent-Length: 4\r\n\r\n" + _ALERT + b"\r\n--boundary--\r\n",
    ),
    "alert-xml": (_ALERT,),
    "cookies": (
        b"SIDCC=c; Domain=.google.com; Path=/; Max-Age=60; Expires=Thu, 01 Jan 2026 00:00:00 GMT; Secure\nNID=; Path=/",
        b"g.0.eyJhbGciOiAiMCJ9.eyJleHAiOjE4MDAwMDAwMDAsInN1YiI6Im5lc3QtMTo5In0.AAAA",
    ),
    "discovery": (b"44:19:b6:00:00:01\nmanufacturer=HikVision\nUDN=uuid:x-4419b6000001\nserialNumber=DS-1",),
    "frigate-config": (
        (
            b'{"cameras":{"yard":{"name":"yard","enabled":true,"detect":{"enabled":true,"width":640,"height":480},'
            b'"objects":{"track":["person","car"]},"audio":{"enabled":true,"listen":["bark"]},"live":{"streams":'
            b'{"main":"yard"}},"onvif":{"host":""}}},"go2rtc":{"streams":{"yard":[]}},"mqtt":{"topic_prefix":"x"},'
            b'"birdseye":{"enabled":true,"restream":true,"width":1280,"height":720},"version":"0.16"}'
        ),
        (
            b'{"cameras":{"yard":{"camera_fps":5.1,"pid":12}},"cpu_usages":{"12":{"cpu":"3.5"}},"detectors":{"cpu":'
            b'{"inference_speed":9.2}},"service":{"uptime":5,"storage":{"/media/frigate/recordings":{"free":1,"total":2}}}}'
        ),
        b'{"username":"ann","role":"viewer","allowed_cameras":["yard"],"presets":["door"]}',
    ),
    "frigate-events": (b"[" + _EVENT + b"]",),
    "frigate-websocket": (
        b'{"topic":"events","payload":{"type":"new","after":' + _EVENT + b"}}",
        b'{"topic":"stats","payload":"{\\"cameras\\":{}}"}',
    ),
    "isapi-json": (b'{"DeviceInfo":{"deviceName":"Yard","model":"DS-1","serialNumber":1,"deviceType":"IPCamera"}}',),
    "isapi-search": (
        (
            b"<CMSearchResult><responseStatusStrg>MORE</responseStatusStrg><matchList><searchMatchItem><trackID>101"
            b"</trackID><timeSpan><startTime>2026-01-02T03:04:05Z</startTime><endTime>20260102T030505Z</endTime></timeSpan>"
            b"<mediaSegmentDescriptor><playbackURI>rtsp://192.0.2.1/Streaming/tracks/101?starttime=1&amp;size=9"
            b"</playbackURI></mediaSegmentDescriptor><metadataMatches><metadataDescriptor>recordType.meta.hikvision.com/"
            b"motion</metadataDescriptor></metadataMatches></searchMatchItem></matchList></CMSearchResult>"
        ),
    ),
    "isapi-xml": (
        _DEVICE,
        _PROXIES,
        _STREAMS,
        _TRIGGERS,
        b"<ResponseStatus><statusCode>4</statusCode></ResponseStatus>",
    ),
    "issue-token": (_ISSUE, b"Cookie: SID=g.a; SIDCC=AK; __Secure-3PSID=g.b", b'{"access_token":"b.12345678"}'),
    "legacy-answers": (
        (
            b'{"updated_buckets":[{"object_key":"quartz.abc","value":{"description":"Yard","capabilities":["x"],'
            b'"nexus_api_http_server_url":"https://nexusapi-us1.dropcam.com","streaming_state":"streaming-enabled"}}]}'
        ),
        b'{"status":0,"items":[{"uuid":"abc","id":5,"name":"Yard","properties":{"streaming.enabled":true}}]}',
        b'[{"id":"1-x","start_time":1700000000.5,"end_time":1700000009,"types":["person"],"zone_ids":[1]}]',
    ),
    "metadata": (
        b"http://169.254.169.254/latest/meta-data/",
        b"0xa9fea9fe",
        b"169.254.43518",
        b"[::ffff:169.254.169.254]",
        b"fd00:ec2::254%1",
    ),
    "mjpeg": (
        b"\x00--boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 200\r\n\r\n" + _PICTURE + b"\r\n--boundary\r\n",
        b"\x04--frame\r\nContent-Type: image/jpeg\r\n\r\n" + _PICTURE + b"\r\n--frame--\r\n",
        b"\x02" + _PICTURE + b"\n" + _PICTURE,
    ),
    "multipart": (b"\x01--boundary\r\nContent-Length: 5\r\n\r\nhello\r\n--boundary\r\n\r\nrest\r\n--boundary--\r\n",),
    "nest-message": (
        (
            b'{"eventId":"e","timestamp":"2026-01-02T03:04:05.5Z","resourceUpdate":{"name":"enterprises/p/devices/d",'
            b'"events":{"sdm.devices.events.CameraMotion.Motion":{"eventSessionId":"s","eventId":"n","zones":["z"]},'
            b'"sdm.devices.events.CameraClipPreview.ClipPreview":{"eventSessionId":"s","previewUrl":"https://x"}}},'
            b'"eventThreadId":"t","eventThreadState":"STARTED"}'
        ),
    ),
    "picture": (_PICTURE,),
    "playlist": (b'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2.0,\nsegment/1.m4s?session=a\n',),
    "redirect": (b"http://camera.example.com:8080/x", b"//other.example.com/", b"https://camera.example.com/y?z"),
    "refusals": (
        b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Rate limited"},"message":"x"}',
        b'{"error":"invalid_grant","error_description":"too many requests","tsv_state":"sms","next_time_in_secs":60}',
        b"<userCheck><statusValue>401</statusValue><lockStatus>lock</lockStatus><unlockTime>90</unlockTime></userCheck>",
    ),
    "ring-devices": (
        (
            b'{"doorbots":[{"id":1,"description":"Door","device_id":"00005e005301","battery_life":"90","settings":'
            b'{"doorbell_volume":5,"chime_settings":{"type":0,"enable":true}},"alerts":{"connection":"online"},'
            b'"siren_status":{"seconds_remaining":0},"features":{"show_recordings":true}}],"chimes":[{"id":"2"}]}'
        ),
    ),
    "ring-history": (b"[" + _DING + b"]", b'{"device_health":{"latest_signal_strength":-55}}'),
    "ring-push": (
        (
            b'{"data":{"android_config":"{\\"category\\":\\"com.ring.pn.live-event.motion\\"}","data":"{\\"device\\":{'
            b'\\"id\\":1,\\"kind\\":\\"x\\"},\\"event\\":{\\"ding\\":{\\"id\\":\\"7\\",\\"created_at\\":\\"2026-01-02T03:'
            b'04:05Z\\",\\"subtype\\":\\"human\\"}}}","img":"{\\"snapshot_uuid\\":\\"u\\"}"}}'
        ),
        (
            b'{"data":{"gcmData":{"action":"com.ring.push.HANDLE_NEW_DING","ding":{"id":7,"doorbot_id":1,"created_at":'
            b"1700000000}}}}"
        ),
    ),
    "sdp": (_OFFER, _OFFER + b"\0" + _OFFER.replace(b"recvonly", b"sendrecv")),
    "sealed": (b'{"host":"192.0.2.1","user":"ann","pass":"AAAA","more":{"deep":[1]}}', b64encode(bytes(60))),
    "sign-in-headers": (
        b'Basic realm="x", Digest realm="y", nonce="n", qop="auth,auth-int", algorithm=SHA-256-sess, opaque="o"',
        b"Wed, 21 Oct 2026 07:28:00 GMT",
        b'nextnonce="another", qop=auth, rspauth="0", cnonce="c", nc=00000001',
        b"120",
    ),
    "small-servers": (
        b'{"status":"ok","camera":"connected","fps":25.0,"disk":{"free_percent":12.5}}',
        b'{"ok":true,"result":{"source":{"online":true,"captured_fps":30}}}',
    ),
    "stream-key": (b"01AAAAAAAAAAAAAAAAAAAAAAAA~camera", b"WzE3MDAwMDAwMDAsMTcwMDAwMDAwOSwiaWQiXQ"),
    "upload": (
        b"POST /upload?name=motion.mp4 HTTP/1.1\r\nContent-Type: video/mp4\r\nContent-Length: 9\r\n"
        b"X-Content-SHA256: " + b"0" * 64 + b"\r\n\r\nbody",
        (
            b"POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=xx\r\nContent-Length: 99\r\n\r\n"
            b'--xx\r\nContent-Disposition: form-data; name="f"; filename="a.mp4"\r\n\r\nfilm\r\n--xx--\r\n'
        ),
    ),
    "zones": (b"gate: 0,0 50,0 50,50\ndoor: 1,1 2,2 3.5,1",),
}

# What stands for a value in somebody's message and is none that a reader would think of.
NASTY: Final[tuple[bytes, ...]] = (
    *(b"", b"0", b"-1", b"1e400", b"-1e308", b"1e308", b"9" * 5000, b"NaN", b"Infinity", b"0x10", b"1_0", b"0.0"),
    *(b"null", b"true", b"[]", b"{}", b'""', b"[[]]", b"[" * 3000, b'{"a":' * 3000, b"<a>" * 3000, b"&&", b"&x;"),
    *(b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-12:00", b"9999-12-31T23:59:59Z", b"2026-02-30T00:00:00Z"),
    *(b"253402300799", b"-62135596800", b"253402300799000", b"2026-01-02T03:04:05+99:99", b"20260102T030405+0100"),
    *(b"\x00", b"\xff", b"\xed\xa0\x80", "\u0663".encode(), "\u200b\u2026".encode(), b"\\ud800", b"\r\n", b"\n\n"),
    *(b"..", b"/", b"../../x", b"%2e%2e%2f", b"a/../b", b":", b"@", b"[", b"]", b"[::", b"xn--a", b"%", b"%zz", b"#"),
    *(b"a" * 300, b"A" * 9000, b" " * 3000, b"--boundary", b"--", b"m=", b"a=mid:", b"a=candidate: ", b'"', b"\\"),
)
