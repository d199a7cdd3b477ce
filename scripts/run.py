"""Train and evaluate one experiment, or with -m a sweep of them.

python scripts/run.py dataset=animals fusion=concat
python scripts/run.py -m dataset=mnist,animals fusion=attention,concat seed=0,1,2
"""

from multimodal.cli import main

if __name__ == "__main__":
    main()
