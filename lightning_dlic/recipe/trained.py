"""Checks what a recipe says of training against the stages that it trains: roles, terms, and what stands in a chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dlic_registry import DlicError, load
from lightning_dlic.kinds.order import in_order
from lightning_dlic.losses.kinds import of_discriminator
from lightning_dlic.recipe.errors import nearest
from lightning_dlic.recipe.schema import DISCRIMINATOR, Recipe

_ADVERSARIAL = "adversarial"


def check_trained(recipe: Recipe, classes: Mapping[str, type[Any]]) -> None:
    """Checks roles and terms, and that a chain's stages can be put in order.

    Args:
        recipe: A loaded recipe.
        classes: The class of each of its stages, by kind.

    Raises:
        RecipeError: What does not fit.
    """
    if recipe.is_chain:
        _check_chain(recipe, classes)
    else:
        _check_stage(recipe, classes[recipe.train[0]])


def _check_stage(recipe: Recipe, cls: type[Any]) -> None:
    if recipe.discriminator is not None:
        raise recipe.error(
            DISCRIMINATOR, "is a chain's", "A stage that is a GAN has its own, such as stages.sr.args.discriminator."
        )
    name = recipe.stages[recipe.train[0]].name
    _check_roles(recipe, f"stage {name}", getattr(cls, "roles", ()))
    declared = getattr(cls, "loss_terms", ())
    for term, spec in recipe.losses.items():
        if spec is None:
            continue
        if term not in declared and not getattr(cls, "more_terms", False):
            raise recipe.error(
                f"losses.{term}", f"stage {name} has no term {term!r}", nearest(term, declared, "Its terms")
            )
        _check_loss(recipe, term, spec, f"stage {name}", declared)


def _check_chain(recipe: Recipe, classes: Mapping[str, type[Any]]) -> None:
    try:
        in_order(recipe.stages)
    except DlicError as error:
        raise recipe.error("stages", str(error)) from error
    for kind, stage in recipe.stages.items():
        if kind not in recipe.train and stage.init is None and stage.weights is None:
            hint = f"Give it stages.{kind}.weights: zoo:NAME, train it, or leave it out: stages.{kind}=null"
            raise recipe.error(f"stages.{kind}", "is not trained here, and has no weights", hint)
    # An optimizer of a stage that rests stays for when it is trained again: train=sr is then all there is to say.
    roles = (*recipe.stages, *((DISCRIMINATOR,) if recipe.discriminator is not None else ()))
    _check_roles(recipe, "the chain", roles)
    declared = (_ADVERSARIAL,) if recipe.discriminator is not None else ()
    for term, spec in recipe.losses.items():
        if spec is None:
            continue
        if term not in recipe.stages:
            _check_loss(recipe, term, spec, "the chain", declared)
            continue
        for own, below in spec.items():
            if below is not None:
                known = [name for name in getattr(classes[term], "loss_terms", ()) if name != _ADVERSARIAL]
                _check_loss(recipe, f"{term}.{own}", below, f"stage {term} of a chain", known)
    if recipe.discriminator is not None and recipe.losses.get(_ADVERSARIAL) is None:
        hint = "Write losses.adversarial: {name: bce, weight: 1.0e-3}"
        raise recipe.error(DISCRIMINATOR, "has nothing to train for", hint)


def _check_roles(recipe: Recipe, owner: str, roles: Iterable[str]) -> None:
    for role in recipe.optim:
        if role not in roles:
            hint = nearest(role, roles, "Its roles")
            raise recipe.error(f"optim.{role}", f"{owner} has no role {role!r}", hint)


def _check_loss(recipe: Recipe, term: str, spec: Mapping[str, Any], owner: str, declared: Iterable[str]) -> None:
    """A loss that compares where one is wanted, and a discriminator's where that is."""
    key, last = f"losses.{term}", term.rpartition(".")[2]
    cls = load("loss", spec["name"])
    compares = getattr(getattr(cls, "forward", None), "__name__", "") != "_forward_unimplemented"
    plays = hasattr(cls, "generator") and hasattr(cls, "discriminator")
    if last == _ADVERSARIAL:
        if last not in declared:
            hint = "A chain names one: discriminator: {name: srgan_discriminator}. Else take a GAN's stage, as srgan."
            raise recipe.error(key, f"{owner} has no discriminator", hint)
        if not plays:
            raise recipe.error(
                key, f"loss {spec['name']} does not judge a discriminator", "Take bce, hinge or relativistic."
            )
    elif compares and of_discriminator(cls) and _ADVERSARIAL not in declared:
        hint = "A chain names one: discriminator: {name: srgan_discriminator}. Else take a GAN's stage, as srgan."
        raise recipe.error(key, f"loss {spec['name']} looks into a discriminator, and {owner} has none", hint)
    elif not compares:
        meant = nearest(last, declared, "Terms with a meaning of their own")
        raise recipe.error(key, f"loss {spec['name']} does not compare an output with a target", meant)


def loss_specs(recipe: Recipe) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All losses of a recipe that are on, by their dotted keys.

    Args:
        recipe: A loaded recipe.
    """
    for term, spec in recipe.losses.items():
        if spec is None:
            continue
        if recipe.is_chain and term in recipe.stages:
            yield from ((f"losses.{term}.{own}", below) for own, below in spec.items() if below is not None)
        else:
            yield f"losses.{term}", spec
