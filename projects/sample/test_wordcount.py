"""Tests of the word counter."""

from __future__ import annotations

import unittest

from wordcount import count_words


class TestCountWords(unittest.TestCase):
    def test_counts_each_word(self) -> None:
        self.assertEqual(count_words("one two two"), {"one": 1, "two": 2})

    def test_takes_no_notice_of_punctuation(self) -> None:
        self.assertEqual(count_words("stop! stop, please."), {"stop": 2, "please": 1})

    def test_takes_no_notice_of_case(self) -> None:
        self.assertEqual(count_words("The end of the road"), {"the": 2, "end": 1, "of": 1, "road": 1})


if __name__ == "__main__":
    unittest.main()
