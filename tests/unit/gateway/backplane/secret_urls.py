"""URLs of every kind that hold a password: whatever holds "heim" shows it."""

SECRETS = [
    "redis://:geheim@h:1/0",
    "redis://dana:geheim@h:1/0",
    "redis://dana:ge@heim@h:1",
    "redis://dana:geheim/geheim@h:1",
    "redis://dana:geheim#geheim@h:1",
    "redis://dana:geheim?geheim@h:1",
    "redis://dana:[geheim@h:1",
    "redis://:geheim@h:99999",
    "redis://:geheim@h?db=x",
    "redis://h:1?password=geheim",
    "redis://h:1?db=x&password=geheim",
    "unix:///tmp/s?password=geheim&db=x",
    "unix://dana:geheim@/tmp/s",
    "rediss://:geheim@h",
    "http://dana:geheim@h",
    "redis+sentinel://:geheim@h:1,i:2/name",
    "redis+sentinel://dana:geheim@h:1,i:2/name",
    "redis+sentinel://dana:ge@heim@h:1/name",
    "redis+sentinel://dana:geheim@h/name",
    "redis+sentinel://dana:geheim@h:1",
]
