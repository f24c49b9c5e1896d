class SavedState:
    def __init__(self, settings):
        pass

    def restore(self):
        pass

    def save(self):
        pass
