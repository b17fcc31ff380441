"""The TOML file: a table for each command, and options of several commands above the tables.

    redis = "redis://10.0.0.5:6379/0"

    [gateway]
    idle = "15m"

    [account.add]
    password-file = "/run/secrets/new"

All of it is checked whenever a command runs. If a misspelt key were ignored, somebody would believe
that it had an effect.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from chatctl.failure import Misuse
from chatctl.given import clean, own_folder
from chatctl.options import is_setting, key

_Keys = dict[str, click.Parameter]
_Value = str | bool


def default_path() -> Path | None:
    """Where the file is if the user names none; None if there is no such place."""
    folder = own_folder("XDG_CONFIG_HOME", ".config")
    return folder and folder / "config.toml"


def keep(path: Path | None, table: str, name: str, value: str) -> str:
    """Write a text into a table of the file, and leave all else in the file as it is.

    Returns:
        The path.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: there is no place for it, or its text cannot be changed safely.
    """
    if path is None:
        raise ValueError("there is no home directory for a config file")
    path = Path(os.path.realpath(path))  # a link stays one
    old = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
    wanted = tomllib.loads(old)
    wanted.setdefault(table, {})[name] = value
    new = _with_line(old, table, name, line)
    try:
        safe = tomllib.loads(new) == wanted
    except tomllib.TOMLDecodeError:
        safe = False
    if not safe:
        raise ValueError(f"write {line} below [{table}] in {path} yourself")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    mode = path.stat().st_mode if path.exists() else 0o600
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(new)
    beside.replace(path)
    return str(path)


def _with_line(text: str, table: str, name: str, line: str) -> str:
    lines = text.splitlines()
    title = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?")
    begin = next((n for n, each in enumerate(lines, 1) if title.fullmatch(each)), None)
    if begin is None:
        lines += ["", f"[{table}]", line] if lines else [f"[{table}]", line]
        return "\n".join(lines) + "\n"
    end = next((n for n in range(begin, len(lines)) if lines[n].lstrip()[:1] == "["), len(lines))
    same = re.compile(rf"\s*{re.escape(name)}\s*=")
    place = next((n for n in range(begin, end) if same.match(lines[n])), None)
    if place is None:
        lines.insert(begin, line)
    else:
        lines[place] = line
    return "\n".join(lines) + "\n"


def leaves(commands: Mapping[str, click.Command]) -> dict[str, click.Command]:
    """Every command that is not a group, by its words with dots between: ``account.add``."""
    found: dict[str, click.Command] = {}
    for name, command in commands.items():
        if isinstance(command, click.Group):
            below = leaves(command.commands)
            found |= {f"{name}.{rest}": leaf for rest, leaf in below.items()}
        else:
            found[name] = command
    return found


def load(path: Path, commands: Mapping[str, click.Command]) -> dict[str, Any]:
    """Read and check the file; return click's default map: command, then parameter, then value.

    Raises:
        Misuse: it cannot be read, is not TOML, has an unknown key or a value of the wrong type;
            the text names the file and the key.
    """
    known = {
        name: {key(each): each for each in leaf.params if is_setting(each)}
        for name, leaf in leaves(commands).items()
    }
    above, tables = _parted(path, _read(path), commands)
    for name in above.keys() - _shared(known):
        raise Misuse(f"{path}: {_unknown(name, None, known)}")
    found: dict[str, Any] = {}
    for command in known:
        defaults = _defaults(path, command, above, tables.pop(command, {}), known)
        *groups, last = command.split(".")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = defaults
    for table in tables:
        raise Misuse(f"{path}: {_unknown(table, None, known)}")
    return found


def _parted(
    path: Path, document: dict[str, Any], commands: Mapping[str, click.Command]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys above the tables, and the tables by their names, ``account.add`` for one."""
    above: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for name, value in document.items():
        command = commands.get(name)
        if isinstance(command, click.Group):
            if not isinstance(value, dict):
                raise Misuse(f"{path}: {name!r} is a table of tables: write [{name}.COMMAND].")
            rest, inner = _parted(path, value, command.commands)
            tables |= {f"{name}.{key}": table for key, table in (rest | inner).items()}
        elif command is not None:
            tables[name] = value
        else:
            above[name] = value
    return above, tables


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        raise Misuse(f"{path} is not a TOML file: {error}.") from error


def _shared(known: Mapping[str, _Keys]) -> set[str]:
    """The keys of more than one command: they may stand above the tables."""
    count = Counter(name for keys in known.values() for name in keys)
    return {name for name in count if count[name] > 1}


def _defaults(
    path: Path, command: str, above: dict[str, Any], table: Any, known: Mapping[str, _Keys]
) -> dict[str, _Value]:
    if not isinstance(table, dict):
        text = f"{path}: {command!r} is a table: write [{command}] and its keys in lines below it."
        raise Misuse(text)
    keys = known[command]
    defaults = {}
    for name, value in (above | table).items():
        if name in keys:
            where = f"{path}: [{command}] {name}" if name in table else f"{path}: {name}"
            defaults[keys[name].name or ""] = _checked(value, keys[name], where, path.parent)
        elif name in table:
            raise Misuse(f"{path}: {_unknown(name, command, known)}")
    return defaults


def _checked(value: Any, parameter: click.Parameter, where: str, folder: Path) -> _Value:
    """The value as on the command line: a text, or a bool for a switch.

    A relative path starts at the folder of the file.
    """
    if isinstance(parameter, click.Option) and parameter.is_flag:
        if not isinstance(value, bool):
            raise Misuse(f"{where}: write true or false here.")
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Misuse(f"{where}: write a text or a number here.")
    try:
        text = clean(str(value), parameter.type)
        if isinstance(parameter.type, click.Path):
            text = os.path.abspath(folder / text)
        parameter.type.convert(text, parameter, None)
    except click.BadParameter as error:
        raise Misuse(f"{where}: {error.message}") from error
    return text


def _unknown(name: str, command: str | None, known: Mapping[str, _Keys]) -> str:
    """An error about an unknown key or table, with the one that was probably meant."""
    where = f"[{command}]" if command else "the file"
    places = {key: f"[{each}] {key}" for each, keys in known.items() for key in keys}
    places |= {key: f"{key}, above the tables" for key in _shared(known)}
    places |= {table: f"[{table}]" for table in known}
    if command:
        places |= {key: key for key in known[command]}
    if not command and "." in name:
        places = {table: f"[{table}]" for table in known}
    near = difflib.get_close_matches(name.replace("_", "-"), places, n=1)
    return f"{where} has an unknown key {name!r}." + (
        f" Did you mean {places[near[0]]}?" if near else ""
    )
