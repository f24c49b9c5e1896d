"""The files that a spec names: one check for a bucket and for a folder on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath

from stratos.errors import SpecRejected
from stratos.spec import Spec, bucket_path
from stratos.spec.addresses import service_address
from stratos.spec.hosts import why_not_asked
from stratos.spec.reader import SpecDocument, read_document
from stratos.spec.refusals import did_you_mean
from stratos.spec.tracking import ManagedMlflow
from stratos.spec.yaml_tree import Location

ListFiles = Callable[[str], Iterable[str]]
"""Paths, relative to the spec's folder, of the files whose path begins with a prefix."""

DATA_SUFFIXES = (
    ".jsonl", ".jsonl.gz", ".jsonl.out", ".json", ".json.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz",
    ".parquet",
)  # fmt: skip
_DATA_FILES = " or ".join(
    suffix for suffix in DATA_SUFFIXES if not suffix.endswith((".gz", ".out"))
)
_ABOUT_DATA = ("dataset_info.json", "dataset_infos.json")
"""What `datasets` of Hugging Face writes beside the rows."""
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_SECRETS = ("api_key_secret", "hub_token_secret")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True)
class RunningStack:
    """What a spec must agree with in the stack that is to run it.

    Attributes:
        prefix: Of the names of the secrets that its jobs may read.
        region: Where it stands, with its data and its endpoints.
        worker_regions: Others in which it can run jobs.
        private_hosts: Those within private networks that its jobs ask; None where nobody knows.
        account: Whose it is; empty where nobody knows.
    """

    prefix: str
    region: str
    worker_regions: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] | None = None
    account: str = ""


def read_spec_in_folder(
    content: str | bytes,
    list_files: ListFiles,
    folder_name: str | None = None,
    stack: RunningStack | None = None,
) -> Spec:
    """Read a spec and check the files it names.

    Args:
        folder_name: Its folder in a bucket, whose name the spec must have; None on disk.
        stack: The one that is to run it, where one is known.

    Raises:
        SpecRejected: with every problem of the file and of its folder.
    """
    document = read_document(content)
    check_folder(document, list_files)
    if folder_name is not None:
        _check_name(document, folder_name)
    if stack is not None:
        _check_secrets(document, stack.prefix)
        _check_regions(document, stack)
        _check_mlflow(document, stack)
        if stack.private_hosts is not None:
            _check_hosts(document, stack.private_hosts)
    if document.spec is None or document.problems:
        raise SpecRejected(document.problems)
    return document.spec


def check_folder(document: SpecDocument, list_files: ListFiles) -> None:
    """Add to a document the problems of the files it names.

    It works on the file as written, so that a missing dataset is reported together with a misspelt
    field.
    """
    tree = document.tree
    for location, path in _paths(document, ("task", "dataset"), ("task", "checker")):
        is_dataset = location[-1] == "dataset"
        files = list(list_files(path))
        if path not in files and not (is_dataset and files):
            tree.report(
                location,
                f"there is no file {path!r} in the folder of the spec; "
                "upload it there, before the spec",
            )
        elif is_dataset and not any(is_data_file(name) for name in files):
            tree.report(location, f"{path!r} holds no {_DATA_FILES} file")
    for role in ("teachers", "students"):
        models = tree.at(role)
        count = len(models) if isinstance(models, list) else 0
        for location, path in _paths(document, *((role, i, "path") for i in range(count))):
            for problem in _model_problems(path, list_files):
                tree.report(location, problem)


def _check_name(document: SpecDocument, folder_name: str) -> None:
    """Two folders whose specs have one name would share an endpoint and a schedule."""
    name = document.tree.at("name")
    if isinstance(name, str) and name != folder_name:
        document.tree.report(
            ("name",),
            f"{name!r} lies in the folder {folder_name!r}; endpoint and schedule are named after "
            f"the spec, so its folder must be specs/{name}/. Rename one of them",
        )


def _check_secrets(document: SpecDocument, stack_prefix: str) -> None:
    """A stack's jobs may read the secrets below its prefix, by name or ARN, and no others."""
    of_tracker = (("training", "tracking", field) for field in ("token_secret", "login_secret"))
    for location in (*of_tracker, *_of_models(document, *_SECRETS)):
        secret = document.tree.at(*location)
        if not isinstance(secret, str):
            continue
        name = secret.rpartition(":secret:")[2]
        if not name.startswith(f"{stack_prefix}/"):
            document.tree.report(
                location,
                f"this stack's jobs cannot read the secret {secret!r}: they may read those whose "
                f"names begin with {stack_prefix}/. Name it {stack_prefix}/{name.lstrip('/')}, "
                "say",
            )


def _check_hosts(document: SpecDocument, private_hosts: tuple[str, ...]) -> None:
    of_tracker: Location = ("training", "tracking", "tracking_uri")
    for location in (of_tracker, *_of_models(document, "base_url")):
        url = document.tree.at(*location)
        if not isinstance(url, str) or not _is_address(url):
            continue  # As its field says already.
        problem = why_not_asked(url, private_hosts)
        if problem is not None:
            document.tree.report(location, problem)


def _is_address(url: str) -> bool:
    try:
        service_address(url)
    except ValueError:
        return False
    return True


def _of_models(document: SpecDocument, *fields: str) -> Iterator[Location]:
    """Where fields of models stand, of the judge's and of all teachers and students."""
    yield from (("task", "verifier", "model", field) for field in fields)
    for role in ("teachers", "students"):
        models = document.tree.at(role)
        count = len(models) if isinstance(models, list) else 0
        yield from ((role, i, field) for i in range(count) for field in fields)


def _check_mlflow(document: SpecDocument, stack: RunningStack) -> None:
    """A stack's jobs may tell a managed MLflow of its own account and region, and no other."""
    location: Location = ("training", "tracking", "tracking_uri")
    uri = document.tree.at(*location)
    managed = ManagedMlflow.of(uri) if isinstance(uri, str) else None
    if managed is None or not stack.account:
        return
    problem = managed.why_not_of(stack.account, stack.region)
    if problem is not None:
        document.tree.report(location, problem)


def _check_regions(document: SpecDocument, stack: RunningStack) -> None:
    location: Location = ("constraints", "regions")
    named = document.tree.at(*location)
    if not isinstance(named, list):
        return
    problem = why_not_in(stack.region, named, stack.worker_regions)
    if problem is not None:
        document.tree.report(location, problem)


def why_not_in(
    home: str, regions: Sequence[object], worker_regions: Sequence[str] = ()
) -> str | None:
    """Why a stack cannot hold `constraints.regions`; None if it can.

    Data may not leave the regions named, and lies where the stack stands: elsewhere it works only
    in regions with a worker stack.

    Args:
        home: The stack's region.
    """
    others = [str(region) for region in regions if region not in (home, *worker_regions)]
    named = ", ".join(others)
    if regions and home not in regions:
        wanted = ", ".join(map(str, regions))
        return (
            f"a stack in {home} may not be used by a spec that allows only {wanted}; upload the "
            f"folder to a stack in {regions[0]}, or write [{', '.join((home, *worker_regions))}]"
        )
    if not others:
        return None
    if worker_regions:
        known = ", ".join((home, *worker_regions))
        return (
            f"this stack runs jobs in {known} and cannot use {named}"
            f"{did_you_mean(others[0], (home, *worker_regions))}; leave it out, or deploy a worker "
            "stack there (stratos:worker_regions in cdk.json)"
        )
    return (
        f"a stack in {home} trains and deploys there alone and cannot use {named}; write "
        f"[{home}], or upload the folder to a stack in the region you want"
    )


def template_beside(path: str) -> str:
    """Where the chat template of a GGUF lies that has none of its own."""
    return f"{path}.jinja"


def belongs_to_model(name: str, path: str) -> bool:
    """Whether a file is of the model at a path: in its folder, or the GGUF or its template."""
    return name in (path, template_beside(path)) or name.startswith(f"{path}/")


def is_data_file(path: str) -> bool:
    """Whether a dataset prefix includes this file."""
    return path.endswith(DATA_SUFFIXES) and not path.endswith(_ABOUT_DATA)


def dataset_files(dataset: str, list_files: ListFiles) -> list[str]:
    """The file of exactly that name, or else every data file whose path begins with it, in order
    of their names. The JSON of a model's folder is none."""
    found = sorted(list_files(dataset))
    if dataset in found:
        return [dataset]
    models = _model_folders(found)
    return [
        path
        for path in found
        if is_data_file(path)
        and not (path.endswith(".json") and models.intersection(PurePosixPath(path).parents))
    ]


def files_under(folder: Path) -> ListFiles:
    """Return the listing of a folder on disk; links that leave the folder are not listed."""
    root = folder.resolve()

    def list_files(prefix: str) -> Iterator[str]:
        above, _, begun = prefix.rpartition("/")
        for top in sorted((root / above).glob(f"{escape(begun)}*")):
            below = [] if top.is_symlink() else top.rglob("*")
            for path in sorted((top, *below)):
                if _is_file_within(path, root):
                    yield path.relative_to(root).as_posix()

    return list_files


def _is_file_within(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root) and path.is_file()
    except (OSError, RuntimeError):  # links that lead back to themselves
        return False


def _model_folders(files: Iterable[str]) -> set[PurePosixPath]:
    """The folders that hold a model's configuration beside its tokenizer or its weights."""
    names: dict[PurePosixPath, set[str]] = {}
    for path in map(PurePosixPath, files):
        names.setdefault(path.parent, set()).add(path.name)
    return {
        folder
        for folder, held in names.items()
        if "config.json" in held
        and (held & set(_TOKENIZERS) or any(name.endswith(".safetensors") for name in held))
    }


def _paths(document: SpecDocument, *locations: Location) -> Iterator[tuple[Location, str]]:
    """The paths written at some locations; those that leave the folder are refused elsewhere."""
    for location in locations:
        path = document.tree.at(*location)
        if not isinstance(path, str):
            continue
        try:
            yield location, bucket_path(path)
        except ValueError:
            continue


def _model_problems(path: str, list_files: ListFiles) -> Iterator[str]:
    """What is missing for a folder to be a model that is loaded without running its code."""
    if path in list_files(path):
        suffix = PurePosixPath(path).suffix
        if suffix in (*_PICKLES, ".safetensors", ".json", ".zip", ".tar", ".gz"):
            yield (
                f"{path!r} is a {suffix} file; give the model's folder, with config.json and "
                "tokenizer, or a GGUF file"
            )
        return
    prefix = path.rstrip("/") + "/"
    names = {name.removeprefix(prefix) for name in list_files(prefix)}
    if not names:
        yield (
            f"there is no folder or GGUF file {path!r} beside the spec (a link out of the spec's "
            "folder counts as none); upload it there, before the spec"
        )
        return
    if "config.json" not in names:
        yield f"{path!r} has no config.json; save the model with save_pretrained()"
    if not any(name.endswith(".safetensors") for name in names):
        pickles = sorted(name for name in names if PurePosixPath(name).suffix in _PICKLES)
        found = f"found only {', '.join(pickles[:3])}, which can run code when loaded; " * bool(
            pickles
        )
        yield (
            f"{path!r} has no .safetensors file; {found}"
            "save it with save_pretrained(safe_serialization=True)"
        )
    if not names & set(_TOKENIZERS):
        yield f"{path!r} has no tokenizer; needed: one of {', '.join(_TOKENIZERS)}"
