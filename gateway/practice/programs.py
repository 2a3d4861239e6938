"""The few small programs that the practice model can write, each with a test."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """A module, its unittest and the words of a prompt that ask for it."""

    name: str
    label: str
    words: str
    source: str
    test: str

    @property
    def file(self) -> str:
        """The module's file name."""
        return f"{self.name}.py"

    @property
    def test_file(self) -> str:
        """The test's file name."""
        return f"test_{self.name}.py"


_FIZZBUZZ = Program(
    "fizzbuzz",
    "FizzBuzz",
    r"fizz|buzz",
    '''"""FizzBuzz: multiples of three and five by name."""


def fizzbuzz(number):
    """Return "Fizz", "Buzz", "FizzBuzz" or the number itself as text."""
    word = ("Fizz" if number % 3 == 0 else "") + ("Buzz" if number % 5 == 0 else "")
    return word or str(number)


if __name__ == "__main__":
    for number in range(1, 101):
        print(fizzbuzz(number))
''',
    """import unittest

from fizzbuzz import fizzbuzz


class TestFizzBuzz(unittest.TestCase):
    def test_names_multiples_of_three(self):
        self.assertEqual(fizzbuzz(9), "Fizz")

    def test_names_multiples_of_five(self):
        self.assertEqual(fizzbuzz(10), "Buzz")

    def test_names_multiples_of_both(self):
        self.assertEqual(fizzbuzz(30), "FizzBuzz")

    def test_keeps_other_numbers(self):
        self.assertEqual(fizzbuzz(7), "7")


if __name__ == "__main__":
    unittest.main()
""",
)
_FIBONACCI = Program(
    "fibonacci",
    "Fibonacci",
    r"fibonacci|\bfib\b|フィボナッチ",
    '''"""Fibonacci numbers: each is the sum of the two before it."""


def fibonacci(count):
    """Return the first `count` numbers as a list."""
    numbers, a, b = [], 0, 1
    for _ in range(count):
        numbers.append(a)
        a, b = b, a + b
    return numbers


if __name__ == "__main__":
    print(*fibonacci(20))
''',
    """import unittest

from fibonacci import fibonacci


class TestFibonacci(unittest.TestCase):
    def test_begins_with_zero_and_one(self):
        self.assertEqual(fibonacci(2), [0, 1])

    def test_adds_the_two_before(self):
        self.assertEqual(fibonacci(8), [0, 1, 1, 2, 3, 5, 8, 13])

    def test_of_nothing_is_empty(self):
        self.assertEqual(fibonacci(0), [])


if __name__ == "__main__":
    unittest.main()
""",
)
_PRIMES = Program(
    "primes",
    "Primes",
    r"\bprimes?\b|sieve|素数",
    '''"""Prime numbers by the sieve of Eratosthenes."""


def primes(limit):
    """Return all primes below `limit`."""
    is_prime = [True] * max(limit, 2)
    is_prime[0] = is_prime[1] = False
    for number in range(2, int(limit**0.5) + 1 if limit > 0 else 2):
        if number < len(is_prime) and is_prime[number]:
            for multiple in range(number * number, limit, number):
                is_prime[multiple] = False
    return [number for number in range(2, limit) if is_prime[number]]


if __name__ == "__main__":
    print(*primes(100))
''',
    """import unittest

from primes import primes


class TestPrimes(unittest.TestCase):
    def test_finds_the_first_ones(self):
        self.assertEqual(primes(30), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29])

    def test_leaves_the_limit_out(self):
        self.assertEqual(primes(7), [2, 3, 5])

    def test_finds_none_below_two(self):
        self.assertEqual(primes(2), [])


if __name__ == "__main__":
    unittest.main()
""",
)
_PALINDROMES = Program(
    "palindromes",
    "Palindromes",
    r"palindrome|回文",
    '''"""Palindromes: texts that read the same from both ends."""


def is_palindrome(text):
    """Look at letters and digits only, and not at their case."""
    letters = [letter for letter in text.casefold() if letter.isalnum()]
    return letters == letters[::-1]


if __name__ == "__main__":
    print(is_palindrome(input("Text: ")))
''',
    """import unittest

from palindromes import is_palindrome


class TestPalindromes(unittest.TestCase):
    def test_ignores_case_and_punctuation(self):
        self.assertTrue(is_palindrome("A man, a plan, a canal: Panama!"))

    def test_refuses_other_texts(self):
        self.assertFalse(is_palindrome("Slipway"))


if __name__ == "__main__":
    unittest.main()
""",
)
PROGRAMS = (_FIZZBUZZ, _FIBONACCI, _PRIMES, _PALINDROMES)


def choose(prompt: str, *, written: frozenset[str] = frozenset()) -> Program:
    """The program that the prompt names, else the first that was not written yet."""
    named = [program for program in PROGRAMS if re.search(program.words, prompt, re.IGNORECASE)]
    fresh = [program for program in PROGRAMS if program.file not in written]
    return (named or fresh or list(PROGRAMS))[0]
