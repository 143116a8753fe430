"""Every rank at once against one rank at a time."""

import numpy as np
import pytest

from lora_core.matrix import low_rank as lowrank
from lora_core.matrix.nested import MOST, STORED, basis, nested, ranks


def noisy(m: int = 30, n: int = 25, rank: int = 6, noise: float = 0.3) -> np.ndarray:
    generator = np.random.default_rng(0)
    product = generator.standard_normal((m, rank)) @ generator.standard_normal((rank, n))
    return product + noise * generator.standard_normal((m, n))


@pytest.mark.parametrize("shape", [(30, 25), (20, 40)])
@pytest.mark.parametrize("rank", [1, 6, 17, 20])
def test_each_rank_is_what_lowrank_says_of_it(shape: tuple[int, int], rank: int) -> None:
    M = noisy(*shape)
    all_of_them = nested(M, seed=3)
    columns = all_of_them["cr"].columns[:rank]
    expected = {
        "svd": lowrank.truncated_svd(M, rank).product(),
        "cr": M[:, columns] @ lowrank.best_A(M, M[:, columns]),
        "cur": lowrank.cur(M, rank).product(),
    }
    skeleton = lowrank.interpolative_decomposition(M, rank)
    expected["id"] = M[:, skeleton.columns] @ skeleton.P
    A = np.random.default_rng(3).uniform(-1, 1, (min(shape), shape[1]))[:rank]
    expected["given"] = lowrank.best_B(M, A) @ A
    for name, one in expected.items():
        shown = all_of_them[name].at(M, rank)
        np.testing.assert_allclose(shown, one, atol=1e-9, err_msg=name)
        error = lowrank.relative_error(M, one)
        assert all_of_them[name].errors[rank - 1] == pytest.approx(error, abs=1e-7), name


def test_columns_join_one_at_a_time() -> None:
    M = noisy()
    all_of_them = nested(M, seed=0)
    for rank in (1, 5, 12):
        one = lowrank.cur(M, rank)
        assert all_of_them["cur"].columns[:rank].tolist() == one.columns.tolist()
        assert all_of_them["cur"].rows[:rank].tolist() == one.rows.tolist()
    assert len(set(all_of_them["cr"].columns)) == 25


def test_nothing_lies_below_the_floor() -> None:
    M = noisy()
    floor = nested(M, seed=0)["svd"].errors
    singular = np.linalg.svd(M, compute_uv=False)
    least = [lowrank.eckart_young_error(singular, r) / np.linalg.norm(M) for r in range(1, 26)]
    np.testing.assert_allclose(floor, least, atol=1e-7)
    for seed in range(5):
        for name, one in nested(M, seed=seed).items():
            assert (one.errors >= floor - 1e-7).all(), name
            assert (np.diff(one.errors) <= 0).all(), name


def test_a_draw_is_kept_by_its_seed() -> None:
    M = noisy()
    first, again, other = (nested(M, seed=seed) for seed in (1, 1, 2))
    assert first["cr"].columns.tolist() == again["cr"].columns.tolist() != other["cr"].columns.tolist()
    assert not np.allclose(first["given"].errors, other["given"].errors)
    assert (first["id"].errors == other["id"].errors).all()


def test_the_ranks_are_the_matrixs_own() -> None:
    low = noisy(rank=6, noise=0.0)
    assert ranks(low) == 6
    assert nested(low, seed=0)["id"].errors[-1] < 1e-6
    assert ranks(noisy(90, 80)) == MOST
    assert ranks(1e200 * low) == 6
    np.testing.assert_allclose(
        nested(1e200 * low, seed=0)["cur"].errors, nested(low, seed=0)["cur"].errors, atol=1e-6
    )
    assert ranks(np.zeros((3, 4))) == 0
    with pytest.raises(ValueError, match="zero everywhere"):
        nested(np.zeros((3, 4)), seed=0)


def test_a_column_drawn_twice_over_adds_nothing() -> None:
    """Flat parts of a picture are equal columns."""
    M = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 2]])
    Q = basis(M)
    np.testing.assert_allclose(Q[:, 1], 0)
    np.testing.assert_allclose(Q.T @ Q, np.diag([1.0, 0, 1]))
    assert nested(M, seed=0)["id"].errors.tolist()[-1] < 1e-7


@pytest.mark.parametrize(
    ("name", "numbers"), [("svd", 98), ("given", 40), ("cr", 96), ("id", 96), ("cur", 102)]
)
def test_what_is_stored(name: str, numbers: int) -> None:
    """At rank 2 of a matrix (20, 29): counted by hand."""
    assert STORED[name](20, 29, 2) == numbers
